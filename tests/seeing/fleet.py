"""The fleet's dashboard: what all models are at, what ended how, and the operator."""

from typing import Final

from tests.seeing.operator_row import OPERATOR
from tests.seeing.panels import Panel, Query, Row, coloured, steps, words
from tests.seeing.pictures import BAD, BARS, CHOSEN, ENDED, GOOD, ITS, NONE, STACKED, number

FLEET: Final = [
    Row(
        "Models",
        [
            number("Models", "ModelDeployments that the operator knows.", "max(serin_models)"),
            number(
                "Ready",
                "Models whose spec is carried out.",
                f"count(max {ITS} (serin_model_ready{{{CHOSEN}}}) == 1) {NONE}",
                defaults=GOOD,
            ),
            number(
                "Rolling out",
                "Rollouts under way, first deployments among them.",
                f"count(max {ITS} (serin_rollout_started_timestamp_seconds{{{CHOSEN}}})) {NONE}",
            ),
            number(
                "Taken back",
                "Models whose spec asks for what was rejected.",
                f'count(max {ITS} (serin_model_ready{{{CHOSEN},reason="RolledBack"}}) == 0) {NONE}',
                defaults=BAD,
            ),
            number(
                "Not judged",
                "Canaries whose samples cannot be used.",
                f"count(max {ITS} (serin_analysis_obstacle{{{CHOSEN}}})) {NONE}",
                defaults={"thresholds": steps((None, "green"), (1, "orange"))},
            ),
            number(
                "Do not answer",
                "Models whose stable revision has no ready endpoint.",
                f"count(max {ITS} (serin_model_available{{{CHOSEN}}}) == 0"
                f' and on (namespace, name) serin_replicas{{{CHOSEN},arm="stable"}}) {NONE}',
                defaults=BAD,
            ),
            Panel(
                title="What each model is at",
                about="The reason of the condition Ready, the canary's weight and the judge's verdict.",
                kind="table",
                wide=14,
                high=10,
                queries=[
                    Query(f"max by (namespace, name, reason) (serin_model_ready{{{CHOSEN}}})", instant=True),
                    Query(f"max {ITS} (serin_canary_weight_percent{{{CHOSEN}}})", instant=True),
                    Query(
                        f"max by (namespace, name, verdict) (serin_analysis_verdict{{{CHOSEN}}} == 1)",
                        instant=True,
                    ),
                    Query(
                        f"time() - max {ITS} (serin_rollout_state_started_timestamp_seconds{{{CHOSEN}}})",
                        instant=True,
                    ),
                ],
                unit="short",
                overrides=[
                    {
                        "matcher": {"id": "byName", "options": "name"},
                        "properties": [
                            {
                                "id": "links",
                                "value": [
                                    {
                                        "title": "This model",
                                        "url": "/d/serin-model?var-datasource=${datasource}"
                                        "&var-namespace=${__data.fields.namespace}"
                                        "&var-name=${__data.fields.name}&${__url_time_range}",
                                    }
                                ],
                            }
                        ],
                    },
                    {
                        "matcher": {"id": "byName", "options": "ready"},
                        "properties": [
                            {"id": "mappings", "value": words({0: ("no", "orange"), 1: ("yes", "green")})}
                        ],
                    },
                    {
                        "matcher": {"id": "byName", "options": "canary's weight"},
                        "properties": [{"id": "unit", "value": "percent"}],
                    },
                    {
                        "matcher": {"id": "byName", "options": "in this state for"},
                        "properties": [{"id": "unit", "value": "s"}],
                    },
                ],
                transformations=[
                    {"id": "merge", "options": {}},
                    {
                        "id": "organize",
                        "options": {
                            "excludeByName": {"Time": True, "Value #C": True},
                            "indexByName": {},
                            "renameByName": {
                                "Value #A": "ready",
                                "Value #B": "canary's weight",
                                "Value #D": "in this state for",
                            },
                        },
                    },
                ],
            ),
            Panel(
                title="Models by what they are at",
                about="By the reason of the condition Ready.",
                wide=10,
                high=10,
                queries=[
                    Query(
                        "count by (reason) "
                        f"(max by (namespace, name, reason) (serin_model_ready{{{CHOSEN}}}))",
                        "{{reason}}",
                    )
                ],
                defaults={"custom": STACKED, "min": 0},
            ),
        ],
    ),
    Row(
        "Rollouts",
        [
            Panel(
                title="Canaries' weights",
                about="Percent of requests that each canary gets.",
                queries=[
                    Query(f"max {ITS} (serin_canary_weight_percent{{{CHOSEN}}})", "{{namespace}}/{{name}}")
                ],
                unit="percent",
                defaults={"custom": {"lineInterpolation": "stepAfter"}, "min": 0, "max": 100},
            ),
            Panel(
                title="Evidence for harm, the strongest of each model",
                about="Natural logarithm. One signal alone takes a canary back at 4.6, by default.",
                queries=[
                    Query(f"max {ITS} (serin_signal_log_evidence{{{CHOSEN}}})", "{{namespace}}/{{name}}")
                ],
                unit="none",
                defaults={
                    "custom": {"thresholdsStyle": {"mode": "line"}},
                    "thresholds": steps((None, "transparent"), (4.6, "red")),
                },
            ),
            Panel(
                title="Rollouts that ended",
                about="Within the hour before, by result.",
                wide=8,
                queries=[Query("sum by (result) (increase(serin_rollouts_total[1h]))", "{{result}}")],
                defaults={"custom": BARS, "min": 0},
                overrides=coloured(ENDED),
            ),
            Panel(
                title="Rollouts that were taken back",
                about="Within the hour before, by reason.",
                wide=8,
                queries=[Query("sum by (reason) (increase(serin_rollbacks_total[1h]))", "{{reason}}")],
                defaults={"custom": BARS, "min": 0},
            ),
            Panel(
                title="What is in the way of judging",
                about="Canaries whose samples cannot be used, by reason.",
                wide=8,
                queries=[
                    Query(
                        "count by (reason) "
                        f"(max by (namespace, name, reason) (serin_analysis_obstacle{{{CHOSEN}}}))",
                        "{{reason}}",
                    )
                ],
                defaults={"custom": STACKED, "min": 0},
            ),
        ],
    ),
    OPERATOR,
]
