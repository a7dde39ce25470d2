-- Straight to all traffic, past every step and gate that is left.
if obj.metadata.annotations == nil then
  obj.metadata.annotations = {}
end
obj.metadata.annotations["serin.dev/promote"] = obj.status.rollout.attempt .. ":full"
return obj
