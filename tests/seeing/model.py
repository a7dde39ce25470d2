"""A model's dashboard: the stable revision against the canary, and what the judge makes of it."""

from typing import Final

from tests.seeing.panels import ARMS, COLOURS, Panel, Query, Row, coloured, steps
from tests.seeing.pictures import SPOKEN, THIS, number, verdicts

COUNTED: Final = f"rate(serin_signal_events{{{THIS}"

MODEL: Final = [
    Row(
        "Now",
        [
            number(
                "Ready",
                "The reason of the condition Ready.",
                f"max by (reason) (serin_model_ready{{{THIS}}})",
                options={"textMode": "name"},
                defaults={
                    "thresholds": steps((None, "orange"), (1, "green")),
                    "displayName": "${__field.labels.reason}",
                },
            ),
            number(
                "State",
                "Of the rollout under way.",
                f"max by (state) (serin_rollout_state{{{THIS}}} == 1)",
                options={"textMode": "name"},
                defaults={"displayName": "${__field.labels.state}"},
            ),
            number(
                "In this state for",
                "Or at this step.",
                f"time() - max(serin_rollout_state_started_timestamp_seconds{{{THIS}}})",
                unit="s",
            ),
            number(
                "Canary's weight",
                "Percent of requests.",
                f"max(serin_canary_weight_percent{{{THIS}}})",
                unit="percent",
            ),
            number(
                "Verdict",
                "Of all signals together.",
                f"max by (verdict) (serin_analysis_verdict{{{THIS}}} == 1)",
                options={"textMode": "name"},
                defaults={"displayName": "${__field.labels.verdict}"},
                overrides=coloured(COLOURS),
            ),
            number(
                "Answers",
                "Whether the stable revision has ready endpoints.",
                f"max(serin_model_available{{{THIS}}})",
                unit="bool_yes_no",
                defaults={"thresholds": steps((None, "red"), (1, "green"))},
            ),
        ],
    ),
    Row(
        "Stable against canary",
        [
            Panel(
                title="Weight and share",
                about="What the canary is to get, and what it gets of the requests that are counted.",
                queries=[
                    Query(f"max(serin_canary_weight_percent{{{THIS}}})", "weight"),
                    Query(
                        f'100 * sum(max by (signal) ({COUNTED},arm="canary"}}[$__rate_interval])))'
                        f" / sum(max by (signal, arm) ({COUNTED}}}[$__rate_interval])))",
                        "share of requests",
                    ),
                ],
                unit="percent",
                defaults={"custom": {"lineInterpolation": "stepAfter"}, "min": 0, "max": 100},
            ),
            Panel(
                title="Pods",
                about="Ready ones, and all there are to be.",
                queries=[
                    Query(f"max by (arm) (serin_ready_replicas{{{THIS}}})", "{{arm}}, ready"),
                    Query(f"max by (arm) (serin_replicas{{{THIS}}})", "{{arm}}"),
                ],
                defaults={"custom": {"lineInterpolation": "stepAfter", "fillOpacity": 0}, "min": 0},
                overrides=coloured(ARMS),
            ),
            Panel(
                title="Bad requests, as a share",
                about="Of each signal, of late.",
                queries=[
                    Query(
                        f"max by (signal, arm) (rate(serin_signal_bad_events{{{THIS}}}[$__rate_interval]))"
                        f" / max by (signal, arm) (rate(serin_signal_events{{{THIS}}}[$__rate_interval]))",
                        "{{signal}}, {{arm}}",
                    )
                ],
                unit="percentunit",
                defaults={"min": 0},
                overrides=coloured(ARMS),
            ),
            Panel(
                title="Bad requests, as a share of all since counting began",
                about="What the verdict rests on.",
                queries=[
                    Query(
                        f"max by (signal, arm) (serin_signal_bad_events{{{THIS}}})"
                        f" / max by (signal, arm) (serin_signal_events{{{THIS}}})",
                        "{{signal}}, {{arm}}",
                    )
                ],
                unit="percentunit",
                defaults={"min": 0},
                overrides=coloured(ARMS),
            ),
            Panel(
                title="Requests that are counted",
                about="Of each signal.",
                queries=[
                    Query(
                        f"max by (signal, arm) (rate(serin_signal_events{{{THIS}}}[$__rate_interval]))",
                        "{{signal}}, {{arm}}",
                    )
                ],
                unit="reqps",
                defaults={"min": 0},
                overrides=coloured(ARMS),
            ),
            Panel(
                title="How much worse the canary is",
                about="Its share of bad requests over the stable's, and bounds of the truth. 1 is as good.",
                queries=[
                    Query(f"max by (signal) (serin_signal_ratio{{{THIS}}})", "{{signal}}"),
                    Query(f"max by (signal) (serin_signal_ratio_lower{{{THIS}}})", "{{signal}}, at least"),
                    Query(f"max by (signal) (serin_signal_ratio_upper{{{THIS}}})", "{{signal}}, at most"),
                ],
                unit="none",
                defaults={
                    "custom": {"scaleDistribution": {"type": "log", "log": 2}, "fillOpacity": 0},
                },
            ),
        ],
    ),
    Row(
        "Evidence and verdicts",
        [
            Panel(
                title="Evidence for harm",
                about="Natural logarithm. One signal alone takes the canary back at 4.6, by default.",
                queries=[Query(f"max by (signal) (serin_signal_log_evidence{{{THIS}}})", "{{signal}}")],
                unit="none",
                defaults={
                    "custom": {"thresholdsStyle": {"mode": "line"}},
                    "thresholds": steps((None, "transparent"), (4.6, "red")),
                },
            ),
            Panel(
                title="Evidence for safety at this step",
                about="Natural logarithm. Safe at 3.0, by default; it begins anew with each step.",
                queries=[Query(f"max by (signal) (serin_signal_log_safety{{{THIS}}})", "{{signal}}")],
                unit="none",
                defaults={
                    "custom": {"thresholdsStyle": {"mode": "line"}},
                    "thresholds": steps((None, "transparent"), (3.0, "green")),
                },
            ),
            Panel(
                title="Verdicts",
                about="Of each signal, and of all together.",
                kind="state-timeline",
                queries=[
                    Query(verdicts("serin_analysis_verdict", THIS, "name"), "all"),
                    Query(verdicts("serin_signal_verdict", THIS, "signal"), "{{signal}}"),
                ],
                unit="none",
                defaults=SPOKEN,
            ),
            Panel(
                title="Guards",
                about="What each query yields, and its limit.",
                queries=[
                    Query(f"max by (guard) (serin_guard_value{{{THIS}}})", "{{guard}}"),
                    Query(f"max by (guard) (serin_guard_limit{{{THIS}}})", "{{guard}}, limit"),
                ],
                unit="short",
                overrides=[
                    {
                        "matcher": {"id": "byRegexp", "options": "/, limit$/"},
                        "properties": [
                            {"id": "custom.lineStyle", "value": {"fill": "dash", "dash": [8, 8]}},
                            {"id": "custom.fillOpacity", "value": 0},
                        ],
                    }
                ],
            ),
            Panel(
                title="Gates",
                about="Where each stands, before the step it is for.",
                kind="table",
                queries=[
                    Query(f"max by (step, gate, result) (serin_gate_result{{{THIS}}} == 1)", instant=True),
                    Query(f"max by (step, gate) (serin_gate_tries{{{THIS}}})", instant=True),
                ],
                unit="short",
                transformations=[
                    {"id": "merge", "options": {}},
                    {
                        "id": "organize",
                        "options": {
                            "excludeByName": {"Time": True, "Value #A": True},
                            "indexByName": {},
                            "renameByName": {"Value #B": "tries"},
                        },
                    },
                ],
            ),
            Panel(
                title="Whether samples can be read",
                about="And samples that came too late to be counted.",
                queries=[
                    Query(f"max(serin_analysis_available{{{THIS}}})", "readable"),
                    Query(f"max(serin_analysis_late_samples{{{THIS}}})", "late samples"),
                ],
                unit="short",
                defaults={"min": 0},
            ),
        ],
    ),
]
