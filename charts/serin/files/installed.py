"""What `helm test` asks, as the operator: is the CRD served, are all rights there, does a replica lead.

Only the standard library: it is given to the image's Python as text.
"""

import json
import os
import ssl
import sys
import time
from datetime import UTC, datetime, timedelta
from http.client import HTTPSConnection
from pathlib import Path

ACCOUNT = Path("/var/run/secrets/kubernetes.io/serviceaccount")
REVIEWS = "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews"


def asked(method, path, body=None):
    """The API server's status and answer."""
    host, port = os.environ["KUBERNETES_SERVICE_HOST"], os.environ["KUBERNETES_SERVICE_PORT"]
    trusted = ssl.create_default_context(cafile=ACCOUNT / "ca.crt")
    server = HTTPSConnection(host, int(port), context=trusted, timeout=60)
    token = (ACCOUNT / "token").read_text().strip()
    headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
    server.request(method, path, body and json.dumps(body), headers)
    answer = server.getresponse()
    return answer.status, json.loads(answer.read())


def definition():
    """What is wrong with the CRD."""
    code, found = asked("GET", "/apis/serin.dev/v1alpha1")
    if code != 200:
        yield f"serin.dev/v1alpha1 is not served ({code}): install the CRD, crds.enabled"
    elif "modeldeployments" not in [one["name"] for one in found["resources"]]:
        yield "serin.dev/v1alpha1 has no modeldeployments"


def rights():
    """What the operator may not do and has to."""
    for namespace in os.environ["NAMESPACES"].split() or [""]:
        for rule in json.loads(os.environ["RULES"]):
            for resource in rule["resources"]:
                for verb in rule["verbs"]:
                    if not allowed(rule["apiGroups"][0], resource, verb, namespace):
                        yield f"may not {verb} {resource} in {namespace or 'the cluster'}: rbac.create"


def allowed(group, resource, verb, namespace):
    """Whether the server would let this account."""
    plural, _, part = resource.partition("/")
    wanted = {"group": group, "resource": plural, "subresource": part, "verb": verb, "namespace": namespace}
    body = {
        "apiVersion": "authorization.k8s.io/v1",
        "kind": "SelfSubjectAccessReview",
        "spec": {"resourceAttributes": {key: value for key, value in wanted.items() if value}},
    }
    return asked("POST", REVIEWS, body)[1]["status"]["allowed"]


def leading():
    """What is wrong with the Lease. Who has just begun may have to wait until another's runs out."""
    if not (lease := os.environ["LEASE"]):
        return
    seconds = float(os.environ["LEASE_SECONDS"])
    end = time.monotonic() + 3 * seconds
    while (wrong := led_by_nobody(lease, seconds)) and time.monotonic() < end:
        time.sleep(1)
    if wrong:
        yield wrong


def led_by_nobody(lease, seconds):
    """Why no replica leads now, or None."""
    place = (ACCOUNT / "namespace").read_text().strip()
    code, found = asked("GET", f"/apis/coordination.k8s.io/v1/namespaces/{place}/leases/{lease}")
    holder = found.get("spec", {}).get("holderIdentity")
    if code != 200 or not holder:
        return f"no replica leads (Lease {place}/{lease}: {code}); look at the operator's log"
    renewed = datetime.fromisoformat(found["spec"]["renewTime"].replace("Z", "+00:00"))
    age = datetime.now(UTC) - renewed
    if age > timedelta(seconds=seconds):
        return f"{holder} leads, and has not renewed its Lease for {age.total_seconds():.0f} s"
    return None


faults = [fault for check in (definition, rights, leading) for fault in check()]
print("\n".join(faults) or "the CRD is served, all rights are there, and a replica leads")
sys.exit(1 if faults else 0)
