"""The sampling parameters: one table declares type, range, default, neutral value, engines and help of each; the form,
template headers, ``--param``, ``docs/params.md`` and the engines' adapters derive from it.

Names follow llama.cpp. Engines always receive the full, explicit set, so that two engines compare: gpt4all's own
defaults (top_p 0.4, repeat_penalty 1.18) differ from llama.cpp's. What an engine does not have is never sent to it in
silence: see ``fit_params``.
"""

from __future__ import annotations

from workbench.param.fit import PRESETS, fit_params, lacking, unavailable
from workbench.param.parse import params_from, params_from_record, params_to_dict, parse_param
from workbench.param.table import PARAMS, SPECS, Group, ParamSpec
from workbench.param.values import Bias, Params

__all__ = [
    "PARAMS",
    "PRESETS",
    "SPECS",
    "Bias",
    "Group",
    "ParamSpec",
    "Params",
    "fit_params",
    "lacking",
    "params_from",
    "params_from_record",
    "params_to_dict",
    "parse_param",
    "unavailable",
]
