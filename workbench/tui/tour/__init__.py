"""The guided tour: six steps with the real thing, each of which notices by itself that it was done."""
