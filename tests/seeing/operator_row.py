"""How the operator itself fares: a row of the fleet's dashboard."""

from typing import Final

from tests.seeing.panels import Panel, Query, Row, coloured, words
from tests.seeing.pictures import STACKED, quantiles

OPERATOR: Final = Row(
    "The operator",
    [
        Panel(
            title="Who acts",
            about="Exactly one replica should.",
            kind="state-timeline",
            wide=8,
            queries=[Query("max by (instance) (serin_leader)", "{{instance}}")],
            unit="bool_yes_no",
            defaults={"mappings": words({0: ("stands by", "blue"), 1: ("acts", "green")})},
        ),
        Panel(
            title="Looks at models",
            about="Each is repeated as often as something changes.",
            wide=8,
            queries=[
                Query("sum by (outcome) (rate(serin_reconciles_total[$__rate_interval]))", "{{outcome}}")
            ],
            unit="ops",
            defaults={"min": 0},
            overrides=coloured({"done": "green", "failed": "red"}),
        ),
        Panel(
            title="Time of a look",
            about="Most of it is waiting for the API server.",
            wide=8,
            queries=quantiles("serin_reconcile_seconds"),
            unit="s",
            defaults={"min": 0},
        ),
        Panel(
            title="Models that wait for a worker",
            about="More than a few for long: more workers, or more CPU.",
            wide=8,
            queries=[Query("max by (instance) (serin_queue_depth)", "{{instance}}")],
            defaults={"min": 0},
        ),
        Panel(
            title="Looks that failed",
            about="By class of error. Conflicts are usual, and repeated at once.",
            wide=8,
            queries=[Query("sum by (error) (rate(serin_errors_total[$__rate_interval]))", "{{error}}")],
            unit="ops",
            defaults={"custom": STACKED, "min": 0},
        ),
        Panel(
            title="How far watches are behind",
            about="At 45 s the process asks to be started again.",
            wide=8,
            queries=[Query("max by (instance) (serin_watch_behind_seconds)", "{{instance}}")],
            unit="s",
            defaults={"min": 0},
        ),
        Panel(
            title="Requests to the API server",
            about="Beside the watches.",
            queries=[
                Query(
                    "sum by (verb, outcome) (rate(serin_kube_requests_total[$__rate_interval]))",
                    "{{verb}} {{outcome}}",
                )
            ],
            unit="reqps",
            defaults={"custom": STACKED, "min": 0},
        ),
        Panel(
            title="Queries to Prometheus",
            about="By outcome; Done is an answer.",
            queries=[
                Query(
                    "sum by (prometheus, outcome) (rate(serin_prometheus_queries_total[$__rate_interval]))",
                    "{{prometheus}} {{outcome}}",
                )
            ],
            unit="reqps",
            defaults={"min": 0},
        ),
        Panel(
            title="Time of a query",
            about="To an answer, or to none.",
            wide=8,
            queries=quantiles("serin_prometheus_query_seconds", "prometheus"),
            unit="s",
            defaults={"min": 0},
        ),
        Panel(
            title="Samples read",
            about="From each Prometheus.",
            wide=8,
            queries=[
                Query(
                    "sum by (prometheus) (rate(serin_prometheus_samples_total[$__rate_interval]))",
                    "{{prometheus}}",
                )
            ],
            unit="cps",
            defaults={"min": 0},
        ),
        Panel(
            title="Age of the newest judgement",
            about="More than three scrape intervals while rollouts are judged: nobody is.",
            wide=8,
            queries=[
                Query("max by (instance) (serin_newest_boundary_age_seconds)", "age at {{instance}}"),
                Query("max by (instance) (serin_followed)", "rollouts judged by {{instance}}"),
            ],
            unit="s",
            defaults={"min": 0},
            overrides=[
                {
                    "matcher": {"id": "byRegexp", "options": "/^rollouts/"},
                    "properties": [
                        {"id": "unit", "value": "short"},
                        {"id": "custom.axisPlacement", "value": "right"},
                    ],
                }
            ],
        ),
        Panel(
            title="Notifications",
            about="What receivers of transitions were told, by outcome.",
            wide=8,
            queries=[
                Query(
                    "sum by (format, outcome) (increase(serin_notifications_total[1h]))",
                    "{{format}} {{outcome}}",
                )
            ],
            defaults={"custom": STACKED, "min": 0},
        ),
        Panel(
            title="CPU",
            about="Of one core.",
            wide=8,
            queries=[
                Query(
                    "rate(process_cpu_seconds_total[$__rate_interval]) and on (job, instance) serin_leader",
                    "{{instance}}",
                )
            ],
            unit="percentunit",
            defaults={"min": 0},
        ),
        Panel(
            title="Memory",
            about="Resident.",
            wide=8,
            queries=[
                Query("process_resident_memory_bytes and on (job, instance) serin_leader", "{{instance}}")
            ],
            unit="bytes",
            defaults={"min": 0},
        ),
    ],
)
