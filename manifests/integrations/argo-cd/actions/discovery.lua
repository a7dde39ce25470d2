-- Which requests a ModelDeployment can take as it stands; the others are shown greyed out.
-- Each is an annotation that names the attempt it is meant for, so a late or repeated click does nothing.
local status = obj.status or {}
local rollout = status.rollout or {}
local attempt = rollout.attempt
local annotations = obj.metadata.annotations or {}

local under_way = attempt ~= nil and rollout.state ~= "RollingBack"
local tried = under_way and status.stable ~= nil and (rollout.state == "Preparing" or rollout.state == "Stepping")
local held = annotations["serin.dev/pause"] ~= nil

local rejected = false
for _, entry in ipairs(status.rejected or {}) do
  if status.resolved ~= nil and entry.revision == status.resolved.revision and entry.attempt ~= nil then
    rejected = true
  end
end

return {
  ["promote"] = {
    displayName = "Promote past this step",
    iconClass = "fa fa-fw fa-step-forward",
    disabled = not tried,
  },
  ["promote-full"] = {
    displayName = "Promote to all traffic",
    iconClass = "fa fa-fw fa-fast-forward",
    disabled = not tried,
  },
  ["abort"] = {
    displayName = "Abort and take back",
    iconClass = "fa fa-fw fa-undo",
    disabled = not under_way,
  },
  ["retry"] = {
    displayName = "Try the rejected revision again",
    iconClass = "fa fa-fw fa-redo",
    disabled = attempt ~= nil or not rejected,
  },
  ["pause"] = {
    displayName = "Pause",
    iconClass = "fa fa-fw fa-pause",
    disabled = not under_way or annotations["serin.dev/pause"] == attempt,
  },
  ["resume"] = {
    displayName = "Resume",
    iconClass = "fa fa-fw fa-play",
    disabled = not held,
  },
}
