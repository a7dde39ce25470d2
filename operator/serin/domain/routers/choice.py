"""Which router a name in `spec.traffic.router` means."""

from serin.domain.intent import RouterKind
from serin.domain.routers.gateway_api import GatewayAPIRouter
from serin.domain.routers.replicas import ReplicasRouter
from serin.domain.routers.router import Router

ROUTERS: dict[RouterKind, Router] = {
    RouterKind.REPLICAS: ReplicasRouter(),
    RouterKind.GATEWAY_API: GatewayAPIRouter(),
}
