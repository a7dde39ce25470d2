-- Another attempt at the revision that the spec asks for, which was rejected.
if obj.metadata.annotations == nil then
  obj.metadata.annotations = {}
end
for _, entry in ipairs(obj.status.rejected) do
  if entry.revision == obj.status.resolved.revision then
    obj.metadata.annotations["serin.dev/retry"] = entry.attempt
  end
end
return obj
