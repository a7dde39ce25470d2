"""The spec that the schema walk changes one leaf of at a time; each has a value that is not its default."""

from typing import Final

from tests.walk.mutations import Spec

BASE: Final[Spec] = {
    "model": {"format": "sklearn", "name": "flowers", "version": "2026-11", "uri": "pvc://models/iris"},
    "runtime": "mlserver",
    "replicas": 4,
    "resources": {"limits": {"memory": "4Gi"}, "requests": {"memory": "2Gi"}},
    "template": {"spec": {"containers": [{"name": "model", "image": "registry.example/model:1"}]}},
    "service": {"port": 8080, "grpcPort": 9000},
    "traffic": {
        "router": "GatewayAPI",
        "gatewayAPI": {
            "parentRefs": [{"name": "public", "namespace": "infra", "sectionName": "https", "port": 443}],
            "hostnames": ["iris.example.com"],
            "path": "/iris",
        },
        "drainSeconds": 20,
    },
    "rollout": {
        "canary": {
            "steps": [
                {"name": "first", "weight": 10, "minSeconds": 30},
                {"name": "second", "weight": 40, "minSeconds": 40, "pause": {}},
            ]
        },
        "bakeSeconds": 100,
        "progressDeadlineSeconds": 200,
        "stepDeadlineSeconds": 300,
        "onInconclusive": "Rollback",
    },
    "analysis": {
        "mode": "Enforce",
        "maxFalseRollbackRate": "0.02",
        "warmUpSeconds": 60,
        "promote": {
            "maxRatio": "2.5",
            "maxIncreasePoints": "1.5",
            "confidence": "0.91",
            "minRequests": 300,
        },
        "signals": [
            {"name": "errors", "dataPlane": "Envoy", "maxRatio": "1.7", "maxIncreasePoints": "0.3"},
            {"name": "slow", "slowerThanMilliseconds": 250, "importance": 4},
            {"name": "drag", "maxSlowdown": "1.4"},
            {"name": "scores", "histogram": 'score_bucket{model="iris"}', "maxShift": "0.15"},
            {"name": "pair", "requests": "app_total", "bad": "app_bad_total", "dryRun": True},
        ],
        "guards": [
            {"name": "memory", "query": "max(used_bytes)", "max": "70", "min": "5", "failureLimit": 4}
        ],
        "gates": [
            {
                "name": "eval",
                "beforeStep": "promotion",
                "job": {"templateRef": {"name": "eval-job"}},
                "timeoutSeconds": 50,
                "retries": 1,
            },
            {"name": "ask", "beforeStep": "second", "webhook": {"url": "https://hooks.example.com/ask"}},
        ],
    },
    "prometheus": {
        "address": "http://prometheus:9090",
        "labels": {"namespace": "exported_namespace", "pod": "exported_pod"},
    },
    "notifications": [
        {"name": "chat", "channel": "slack", "format": "Slack", "transitions": ["Harm", "Promoted"]},
        {"name": "bus", "url": "https://events.example.com/a"},
    ],
    "paused": True,
    "revisionHistoryLimit": 3,
}
