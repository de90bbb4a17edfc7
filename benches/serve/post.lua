-- wrk sends one picture over and over, and says what came of it in JSON.
local file = assert(io.open(os.getenv("BODY"), "rb"))
wrk.method = "POST"
wrk.body = file:read("*a")
file:close()
for name, value in string.gmatch(os.getenv("HEADERS") or "", "([^:;]+):([^;]+)") do
  wrk.headers[name] = value
end

local threads = {}
function setup(thread)
  table.insert(threads, thread)
end
function init()
  refused, failed = 0, 0
end
function response(status)
  if status == 429 then
    refused = refused + 1
  elseif status ~= 200 then
    failed = failed + 1
  end
end
function done(summary, latency)
  local refused, failed = 0, 0
  for _, thread in ipairs(threads) do
    refused = refused + thread:get("refused")
    failed = failed + thread:get("failed")
  end
  local socket = summary.errors.connect + summary.errors.read + summary.errors.write + summary.errors.timeout
  io.stderr:write(string.format(
    '{"requests": %d, "seconds": %.6f, "refused": %d, "failed": %d, "socket": %d, "p50": %.3f, "p90": %.3f, "p99": %.3f}\n',
    summary.requests, summary.duration / 1e6, refused, failed, socket,
    latency:percentile(50) / 1e3, latency:percentile(90) / 1e3, latency:percentile(99) / 1e3))
end
