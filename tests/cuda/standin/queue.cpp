// Streams, events and graphs. A stream's work waits until somebody waits for it, or until chance runs some of it: what
// relies on work being done that nobody waited for goes wrong here, with one seed or another.
#include "driver.h"

namespace standin {

/// Once in so many operations some stream gets on by itself.
constexpr uint64_t EAGERNESS = 4;

/// The stream of handle 0, which this driver runs at once.
static Stream *the_null_stream() {
  static Stream *stream = new Stream;
  return stream;
}

Stream *stream_of(CUstream handle) { return handle ? state().streams.find(handle) : the_null_stream(); }

static Result run_next(Stream &stream) {
  Operation operation = std::move(stream.waiting.front());
  stream.waiting.pop_front();
  stream.done++;
  Result result = operation.run();
  if (result == CUDA_SUCCESS) return result;
  // A device that faulted does nothing more.
  say("%s failed with %d", operation.name.c_str(), (int)result);
  if (stream.context) stream.context->broken = result;
  stream.waiting.clear();
  stream.done = stream.issued;
  return result;
}

/// Runs something of any stream, as a device does while the host does other things.
static void drift() {
  if (!seed() || random(EAGERNESS)) return;
  auto &live = state().streams.live;
  if (live.empty()) return;
  auto chosen = live.begin();
  std::advance(chosen, random(live.size()));
  Stream &stream = *chosen->first;
  for (uint64_t count = random(8); count && !stream.waiting.empty(); count--)
    if (run_next(stream) != CUDA_SUCCESS) return;
}

Result advance(Stream &stream, long position) {
  while (stream.done < position && !stream.waiting.empty()) {
    drift();
    if (stream.done >= position || stream.waiting.empty()) break;
    if (Result result = run_next(stream)) return result;
  }
  return stream.context ? stream.context->broken : CUDA_SUCCESS;
}

Result finish(Stream &stream) { return advance(stream, stream.issued); }

Result finish_all(const Context &context) {
  Result worst = context.broken;
  for (auto &[stream, _] : state().streams.live)
    if (stream->context == &context)
      if (Result result = finish(*stream)) worst = result;
  return worst;
}

Result enqueue(CUstream handle, Operation operation) {
  Stream *stream = stream_of(handle);
  if (!stream) {
    state().streams.demand(handle, "work");
    return CUDA_ERROR_INVALID_HANDLE;
  }
  if (stream->recording) {
    stream->recorded.push_back(std::move(operation));
    return CUDA_SUCCESS;
  }
  stream->waiting.push_back(std::move(operation));
  stream->issued++;
  // Seed 0 is a device that is always faster than the host.
  if (!handle || !seed()) return finish(*stream);
  drift();
  return CUDA_SUCCESS;
}

} // namespace standin

using namespace standin;

#define DEMAND(kind, variable, handle, name)                                                                           \
  auto *variable = state().kind.demand(handle, name);                                                                  \
  if (!variable) return CUDA_ERROR_INVALID_HANDLE

API CUresult cuStreamCreate(CUstream *handle, unsigned) {
  BEGIN("cuStreamCreate", Call::NOT_WHILE_RECORDING);
  Stream *stream = state().streams.make(std::make_unique<Stream>());
  sign(*stream, call.context, state().streams.made);
  *handle = (CUstream)stream;
  return CUDA_SUCCESS;
}

API CUresult cuStreamCreateWithPriority(CUstream *handle, unsigned flags, int) { return cuStreamCreate(handle, flags); }

API CUresult cuStreamDestroy_v2(CUstream handle) {
  BEGIN("cuStreamDestroy", Call::CURRENT_CONTEXT);
  DEMAND(streams, stream, handle, "cuStreamDestroy");
  Result result = finish(*stream);
  state().streams.destroy(stream);
  return result;
}

API CUresult cuStreamSynchronize(CUstream handle) {
  BEGIN("cuStreamSynchronize", Call::CURRENT_CONTEXT);
  if (!handle) return finish(*stream_of(handle));
  DEMAND(streams, stream, handle, "cuStreamSynchronize");
  if (stream->recording) {
    misuse("forbidden while recording", "cuStreamSynchronize");
    stream->invalid = true;
    return CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED;
  }
  return finish(*stream);
}

API CUresult cuStreamBeginCapture_v2(CUstream handle, CUstreamCaptureMode) {
  BEGIN("cuStreamBeginCapture", Call::CURRENT_CONTEXT);
  DEMAND(streams, stream, handle, "cuStreamBeginCapture");
  if (stream->recording) return CUDA_ERROR_ILLEGAL_STATE;
  if (anyone_records()) misuse("two recordings at once", "cuStreamBeginCapture");
  stream->recording = true;
  stream->invalid = false;
  stream->recorded.clear();
  state().recordings++;
  return CUDA_SUCCESS;
}

API CUresult cuStreamEndCapture(CUstream handle, CUgraph *made) {
  Call call("cuStreamEndCapture", Call::CURRENT_CONTEXT);
  DEMAND(streams, stream, handle, "cuStreamEndCapture");
  *made = nullptr;
  if (call.result != CUDA_SUCCESS) {
    // A recording that ends badly has ended.
    stream->recording = false;
    stream->recorded.clear();
    return call.result;
  }
  if (!stream->recording) return CUDA_ERROR_ILLEGAL_STATE;
  stream->recording = false;
  if (stream->invalid) {
    state().recordings_failed++;
    stream->recorded.clear();
    return CUDA_ERROR_STREAM_CAPTURE_INVALIDATED;
  }
  Graph *graph = state().graphs.make(std::make_unique<Graph>());
  sign(*graph, call.context, state().graphs.made);
  graph->operations = std::move(stream->recorded);
  stream->recorded.clear();
  *made = (CUgraph)graph;
  std::map<std::string, int> counts;
  for (auto &operation : graph->operations) counts[operation.name]++;
  say("recorded a graph of %zu operations", graph->operations.size());
  for (auto &[name, count] : counts) say("  of it %d %s", count, name.c_str());
  return CUDA_SUCCESS;
}

API CUresult cuStreamIsCapturing(CUstream handle, CUstreamCaptureStatus *status) {
  BEGIN("cuStreamIsCapturing");
  Stream *stream = stream_of(handle);
  if (!stream) return CUDA_ERROR_INVALID_HANDLE;
  *status = !stream->recording ? CU_STREAM_CAPTURE_STATUS_NONE
            : stream->invalid  ? CU_STREAM_CAPTURE_STATUS_INVALIDATED
                               : CU_STREAM_CAPTURE_STATUS_ACTIVE;
  return CUDA_SUCCESS;
}

// A node's handle is its operation's address.

API CUresult cuGraphGetNodes(CUgraph handle, CUgraphNode *nodes, size_t *count) {
  BEGIN("cuGraphGetNodes");
  DEMAND(graphs, graph, handle, "cuGraphGetNodes");
  if (!nodes) {
    *count = graph->operations.size();
    return CUDA_SUCCESS;
  }
  *count = std::min(*count, graph->operations.size());
  for (size_t index = 0; index < *count; index++) nodes[index] = (CUgraphNode)&graph->operations[index];
  return CUDA_SUCCESS;
}

API CUresult cuGraphNodeGetType(CUgraphNode node, CUgraphNodeType *type) {
  *type = (CUgraphNodeType)((Operation *)node)->kind;
  return CUDA_SUCCESS;
}

API CUresult cuGraphInstantiateWithFlags(CUgraphExec *made, CUgraph handle, unsigned long long) {
  BEGIN("cuGraphInstantiate", Call::CURRENT_CONTEXT);
  DEMAND(graphs, graph, handle, "cuGraphInstantiate");
  Executable *executable = state().executables.make(std::make_unique<Executable>());
  sign(*executable, call.context, state().executables.made);
  executable->operations = graph->operations;
  *made = (CUgraphExec)executable;
  return CUDA_SUCCESS;
}

API CUresult cuGraphUpload(CUgraphExec handle, CUstream) {
  BEGIN("cuGraphUpload", Call::CURRENT_CONTEXT);
  DEMAND(executables, executable, handle, "cuGraphUpload");
  (void)executable;
  return CUDA_SUCCESS;
}

API CUresult cuGraphLaunch(CUgraphExec handle, CUstream stream) {
  BEGIN("cuGraphLaunch", Call::CURRENT_CONTEXT);
  DEMAND(executables, executable, handle, "cuGraphLaunch");
  state().graph_launches++;
  for (auto &operation : executable->operations) {
    state().graph_kernels += operation.kind == CU_GRAPH_NODE_TYPE_KERNEL;
    if (Result result = enqueue(stream, operation)) return result;
  }
  return CUDA_SUCCESS;
}

API CUresult cuGraphDestroy(CUgraph handle) {
  BEGIN("cuGraphDestroy");
  DEMAND(graphs, graph, handle, "cuGraphDestroy");
  state().graphs.destroy(graph);
  return CUDA_SUCCESS;
}

API CUresult cuGraphExecDestroy(CUgraphExec handle) {
  BEGIN("cuGraphExecDestroy");
  DEMAND(executables, executable, handle, "cuGraphExecDestroy");
  state().executables.destroy(executable);
  return CUDA_SUCCESS;
}

API CUresult cuEventCreate(CUevent *handle, unsigned) {
  BEGIN("cuEventCreate", Call::CURRENT_CONTEXT);
  Event *event = state().events.make(std::make_unique<Event>());
  sign(*event, call.context, state().events.made);
  *handle = (CUevent)event;
  return CUDA_SUCCESS;
}

API CUresult cuEventDestroy_v2(CUevent handle) {
  BEGIN("cuEventDestroy");
  DEMAND(events, event, handle, "cuEventDestroy");
  state().events.destroy(event);
  return CUDA_SUCCESS;
}

API CUresult cuEventRecord(CUevent handle, CUstream where) {
  BEGIN("cuEventRecord", Call::CURRENT_CONTEXT);
  DEMAND(events, event, handle, "cuEventRecord");
  Stream *stream = stream_of(where);
  if (!stream) return state().streams.demand(where, "cuEventRecord"), CUDA_ERROR_INVALID_HANDLE;
  event->recorded = true;
  event->in_recording = stream->recording;
  if (stream->recording) return CUDA_SUCCESS;
  event->reached = false;
  event->stream = stream;
  event->position = stream->issued + 1;
  Context *context = call.context;
  auto mark = [event, context] {
    if (state().events.find(event)) event->reached = true, event->at = context->clock;
    return CUDA_SUCCESS;
  };
  return enqueue(where, {MARK, "event", mark});
}

/// The events' calls take the context from the event.
static Result wait_for(Event &event) {
  if (event.recorded && !event.reached && event.stream && (event.stream == stream_of(nullptr) || state().streams.find(event.stream)))
    if (Result result = advance(*event.stream, event.position)) return result;
  return event.context->broken;
}

API CUresult cuEventSynchronize(CUevent handle) {
  BEGIN("cuEventSynchronize");
  DEMAND(events, event, handle, "cuEventSynchronize");
  if (event->in_recording) {
    misuse("forbidden while recording", "cuEventSynchronize");
    return CUDA_ERROR_CAPTURED_EVENT;
  }
  return wait_for(*event);
}

API CUresult cuEventQuery(CUevent handle) {
  BEGIN("cuEventQuery");
  DEMAND(events, event, handle, "cuEventQuery");
  if (event->context->broken) return event->context->broken;
  if (event->recorded && !event->reached && event->stream) advance(*event->stream, event->stream->done + 1);
  return event->reached || !event->recorded ? CUDA_SUCCESS : CUDA_ERROR_NOT_READY;
}

API CUresult cuEventElapsedTime_v2(float *milliseconds, CUevent first, CUevent second) {
  BEGIN("cuEventElapsedTime");
  DEMAND(events, start, first, "cuEventElapsedTime");
  DEMAND(events, end, second, "cuEventElapsedTime");
  if (!start->recorded || !end->recorded) return CUDA_ERROR_INVALID_HANDLE;
  if (!start->reached || !end->reached) return CUDA_ERROR_NOT_READY;
  *milliseconds = 1e3 * (end->at - start->at);
  return CUDA_SUCCESS;
}
API CUresult cuEventElapsedTime(float *milliseconds, CUevent first, CUevent second) {
  return cuEventElapsedTime_v2(milliseconds, first, second);
}

API CUresult cuStreamWaitEvent(CUstream handle, CUevent what, unsigned) {
  BEGIN("cuStreamWaitEvent", Call::CURRENT_CONTEXT);
  DEMAND(events, event, what, "cuStreamWaitEvent");
  Stream *stream = stream_of(handle);
  if (!stream) return state().streams.demand(handle, "cuStreamWaitEvent"), CUDA_ERROR_INVALID_HANDLE;
  if (stream->recording) {
    if (event->in_recording) return CUDA_SUCCESS;
    misuse("recording waits for what is outside", "cuStreamWaitEvent");
    stream->invalid = true;
    return CUDA_ERROR_STREAM_CAPTURE_ISOLATION;
  }
  Stream *other = event->stream;
  long position = event->position;
  if (!event->recorded || !other || other == stream) return CUDA_SUCCESS;
  auto wait = [other, position] { return state().streams.find(other) ? advance(*other, position) : CUDA_SUCCESS; };
  return enqueue(handle, {MARK, "wait", wait});
}
