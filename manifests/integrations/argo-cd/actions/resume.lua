-- The pause annotation goes; a pause in Git (spec.paused) is ended in Git.
if obj.metadata.annotations ~= nil then
  obj.metadata.annotations["serin.dev/pause"] = nil
end
return obj
