-- Held where it is, as long as the annotation is there. Harm still takes it back.
if obj.metadata.annotations == nil then
  obj.metadata.annotations = {}
end
obj.metadata.annotations["serin.dev/pause"] = obj.status.rollout.attempt
return obj
