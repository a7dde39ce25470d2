-- Back to the stable revision now, in any phase; the revision is rejected.
if obj.metadata.annotations == nil then
  obj.metadata.annotations = {}
end
obj.metadata.annotations["serin.dev/abort"] = obj.status.rollout.attempt
return obj
