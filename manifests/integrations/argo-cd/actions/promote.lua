-- Past the step under way, without its evidence.
local rollout = obj.status.rollout
local step = obj.spec.rollout.canary.steps[(rollout.step or 0) + 1]
if obj.metadata.annotations == nil then
  obj.metadata.annotations = {}
end
obj.metadata.annotations["serin.dev/promote"] = rollout.attempt .. ":" .. step.name
return obj
