-- What Argo CD shows of a ModelDeployment, read as kstatus reads it: Reconciling, Stalled, Ready.
-- Two things are told apart that kstatus cannot: what waits for a person is Suspended, and a model that
-- is Ready but whose pods have all gone is Degraded.
local waits_for_a_person = {
  AwaitingPromotion = true,
  Inconclusive = true,
  Paused = true,
}

local function told(condition)
  return (condition.reason or "") .. ": " .. (condition.message or "")
end

if obj.metadata.deletionTimestamp ~= nil then
  return {status = "Progressing", message = "It is being deleted"}
end

local status = obj.status or {}
if status.observedGeneration ~= obj.metadata.generation then
  return {status = "Progressing", message = "Serin has not seen this spec yet"}
end

local conditions = {}
for _, condition in ipairs(status.conditions or {}) do
  conditions[condition.type or ""] = condition
end

local function is_true(kind)
  return conditions[kind] ~= nil and conditions[kind].status == "True"
end

local ready = conditions.Ready
if is_true("Stalled") then
  return {status = "Degraded", message = told(conditions.Stalled)}
end
if ready == nil then
  return {status = "Progressing", message = "Serin has not said yet how it stands"}
end
if is_true("Reconciling") or ready.status ~= "True" then
  if waits_for_a_person[ready.reason or ""] then
    return {status = "Suspended", message = told(ready)}
  end
  return {status = "Progressing", message = told(ready)}
end
if conditions.Available ~= nil and conditions.Available.status == "False" then
  return {status = "Degraded", message = told(conditions.Available)}
end
return {status = "Healthy", message = ready.message}
