// The stand-in is right about what is wrong: each check is a process of its own that does one thing, and says what has to
// be in the log at its end. `check.sh` builds and runs it.
#include <cuda.h>

#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <functional>
#include <sstream>
#include <string>
#include <sys/wait.h>
#include <unistd.h>
#include <vector>

extern "C" {
int nvrtcCreateProgram(void **, const char *, const char *, int, const char *const *, const char *const *);
int nvrtcCompileProgram(void *, int, const char *const *);
int nvrtcGetPTXSize(void *, size_t *);
int nvrtcGetPTX(void *, char *);
}

static void expect(bool good, const char *what) {
  if (good) return;
  fprintf(stderr, "expected: %s\n", what);
  _exit(1);
}
#define EXPECT(condition) expect(condition, #condition)

static CUstream stream;

static void open_device() {
  CUcontext context;
  EXPECT(cuInit(0) == 0 && cuDevicePrimaryCtxRetain(&context, 0) == 0 && cuCtxSetCurrent(context) == 0);
  EXPECT(cuStreamCreate(&stream, CU_STREAM_NON_BLOCKING) == 0);
}

static CUdeviceptr allocate(size_t bytes) {
  CUdeviceptr address = 0;
  EXPECT(cuMemAlloc(&address, bytes) == 0);
  return address;
}

static CUfunction compile(const char *source, const char *name) {
  void *program;
  size_t size;
  CUmodule module;
  CUfunction function;
  EXPECT(nvrtcCreateProgram(&program, source, nullptr, 0, nullptr, nullptr) == 0);
  EXPECT(nvrtcCompileProgram(program, 0, nullptr) == 0 && nvrtcGetPTXSize(program, &size) == 0);
  std::vector<char> ptx(size);
  EXPECT(nvrtcGetPTX(program, ptx.data()) == 0 && cuModuleLoadData(&module, ptx.data()) == 0);
  EXPECT(cuModuleGetFunction(&function, module, name) == 0);
  return function;
}

/// Adds one to `count` numbers: a thread each, whether the memory has them or not.
static CUfunction increment() {
  return compile("extern \"C\" __global__ void __launch_bounds__(64) increment(float *values) {"
                 " unsigned index = blockIdx.x * blockDim.x + threadIdx.x; values[index] = values[index] + 1; }",
                 "increment");
}

static CUresult launch(CUfunction function, unsigned blocks, CUdeviceptr values, unsigned threads = 64, unsigned shared = 0) {
  void *arguments[] = {&values};
  return cuLaunchKernel(function, blocks, 1, 1, threads, 1, 1, shared, stream, arguments, nullptr);
}

struct Check {
  const char *name, *environment, *log; // what the log has to have, each line of it
  std::function<void()> act;
};

static const std::vector<Check> checks = {
    {"a_kernel_runs_when_it_is_waited_for", "", "misuses: 0",
     [] {
       CUdeviceptr values = allocate(256);
       float here[64] = {}, *down;
       EXPECT(cuMemAllocHost((void **)&down, 256) == 0);
       EXPECT(cuMemcpyHtoDAsync(values, here, 256, stream) == 0 && launch(increment(), 1, values) == 0);
       EXPECT(cuMemcpyDtoHAsync(down, values, 256, stream) == 0 && cuStreamSynchronize(stream) == 0);
       for (int index = 0; index < 64; index++) EXPECT(down[index] == 1);
       EXPECT(cuMemFreeHost(down) == 0 && cuMemFree(values) == 0);
     }},
    {"lanes_of_a_warp_add_up_by_shuffles", "", "misuses: 0",
     [] {
       CUfunction sum = compile("extern \"C\" __global__ void __launch_bounds__(64) sum(float *values) {"
                                " float own = values[threadIdx.x]; for (int by = 16; by; by /= 2)"
                                " own += __shfl_xor_sync(~0u, own, by); __syncthreads(); values[threadIdx.x] = own; }",
                                "sum");
       CUdeviceptr values = allocate(256);
       float here[64];
       for (int index = 0; index < 64; index++) here[index] = index;
       EXPECT(cuMemcpyHtoDAsync(values, here, 256, stream) == 0 && launch(sum, 1, values) == 0);
       EXPECT(cuMemcpyDtoHAsync(here, values, 256, stream) == 0);
       EXPECT(here[0] == 496 && here[31] == 496 && here[32] == 1520 && here[63] == 1520);
     }},
    {"a_matrix_unit_drops_all_but_ten_bits_of_a_tf32_and_sums_in_f32", "", "misuses: 0",
     [] {
       CUfunction product = compile(
           "extern \"C\" __global__ void __launch_bounds__(64) product(float *values) { using namespace nvcuda;"
           " if (threadIdx.x < 32) { wmma::fragment<wmma::matrix_a, 16, 16, 8, wmma::precision::tf32, wmma::row_major> a;"
           " wmma::fragment<wmma::matrix_b, 16, 16, 8, wmma::precision::tf32, wmma::row_major> b;"
           " wmma::fragment<wmma::accumulator, 16, 16, 8, float> c; wmma::fill_fragment(c, 0.0f);"
           " wmma::load_matrix_sync(a, values, 8); wmma::load_matrix_sync(b, values + 128, 16);"
           " wmma::mma_sync(c, a, b, c); wmma::store_matrix_sync(values + 256, c, 16, wmma::mem_row_major); } }",
           "product");
       CUdeviceptr values = allocate(2048);
       float here[512];
       for (int index = 0; index < 256; index++) here[index] = 1;
       for (int k = 0; k < 8; k++) here[k] = 1 + 0x1p-12f, here[8 + k] = 1 + 0x1p-10f;
       EXPECT(cuMemcpyHtoDAsync(values, here, 1024, stream) == 0 && launch(product, 1, values) == 0);
       EXPECT(cuMemcpyDtoHAsync(here, values, 2048, stream) == 0);
       EXPECT(here[256] == 8 && here[256 + 16] == 8 * (1 + 0x1p-10f) && here[511] == 8);
     }},
    {"a_product_in_ptx_finds_its_factors_where_the_isa_says", "", "misuses: 0",
     [] {
       // a is rows by k, b is columns by k: each lane loads what the ISA says is its own; a(m, k) = m + k, b(k, n) = k == n.
       CUfunction product = compile(
           "struct four { float i_0, i_1, i_2, i_3; };"
           "extern \"C\" __global__ void __launch_bounds__(32) product(float *values) {"
           " float row = threadIdx.x / 4, along = threadIdx.x % 4; four a = {row + along, row + 8 + along, row + along + 4, row + 8 + along + 4};"
           " struct { float i_0, i_1; } b = {along == row ? 1.0f : 0.0f, along + 4 == row ? 1.0f : 0.0f}; four c = {1, 1, 1, 1};"
           " four d = [&]{\nfour result;\n"
           "asm volatile(\"mma.sync.aligned.m16n8k8.row.col.f32.tf32.tf32.f32 {%0, %1, %2, %3}, {%4, %5, %6, %7}, {%8, %9}, {%10, %11, %12, %13};\""
           " : \"=f\"(result.i_0), \"=f\"(result.i_1), \"=f\"(result.i_2), \"=f\"(result.i_3)"
           " : \"f\"(a.i_0), \"f\"(a.i_1), \"f\"(a.i_2), \"f\"(a.i_3), \"f\"(b.i_0), \"f\"(b.i_1),"
           " \"f\"(c.i_0), \"f\"(c.i_1), \"f\"(c.i_2), \"f\"(c.i_3) );\nreturn result;\n}();"
           " float *out = values + (threadIdx.x / 4) * 8 + threadIdx.x % 4 * 2; out[0] = d.i_0; out[1] = d.i_1; out[64] = d.i_2; out[65] = d.i_3; }",
           "product");
       CUdeviceptr values = allocate(512);
       float here[128];
       EXPECT(launch(product, 1, values, 32) == 0 && cuMemcpyDtoHAsync(here, values, 512, stream) == 0);
       for (int row = 0; row < 16; row++)
         for (int column = 0; column < 8; column++) EXPECT(here[row * 8 + column] == row + column + 1);
     }},
    {"rows_copied_and_loaded_in_ptx_are_the_factors_of_a_product", "", "misuses: 0",
     [] {
       // a is 16 by 16 and b 16 by 8, both by rows of 16 bits: a(m, k) = 16 * m + k, b(k, n) = (k == n).
       CUfunction product = compile(
           "struct four { unsigned i_0, i_1, i_2, i_3; }; struct two { unsigned i_0, i_1; }; struct sums { float i_0, i_1, i_2, i_3; };\n"
           "extern __shared__ __align__(16) char dynamic[];\n"
           "extern \"C\" __global__ void __launch_bounds__(32) product(float *values) {"
           " extern __shared__ __align__(16) char dynamic[]; auto *bar = (cuda::barrier<cuda::thread_scope_block> *)(dynamic + 1024);"
           " if (threadIdx.x == 0) init(bar, 32); __syncthreads();"
           " __half *given = (__half *)(values + 128);"
           " for (int row = 0; row < 8; row++) { int k = threadIdx.x * 8 + row; given[k] = __half(float(k)); }"
           " for (int n = 0; n < 4; n++) { int at = threadIdx.x * 4 + n; given[256 + at] = __half(at / 8 == at % 8 ? 1.0f : 0.0f); } __syncthreads();"
           " for (int part = threadIdx.x; part < 48; part += 32) { unsigned to = __cvta_generic_to_shared(dynamic + 16 * part);"
           " const __half *from = given + 8 * part;\n"
           "asm volatile(\"cp.async.cg.shared::cta.global [%0], [%1], 16, 16;\" :  : \"r\"(to), \"l\"(from) : \"memory\");\n }"
           " bar->arrive_and_wait();"
           " unsigned of_a = __cvta_generic_to_shared(dynamic + threadIdx.x % 16 * 32 + threadIdx.x / 16 * 16);"
           " unsigned of_b = __cvta_generic_to_shared(dynamic + 512 + threadIdx.x % 16 * 16);"
           " four a = [&]{\nfour result;\n"
           "asm volatile(\"ldmatrix.sync.aligned.m8n8.x4.shared::cta.b16 {%0, %1, %2, %3}, [%4];\" : \"=r\"(result.i_0), \"=r\"(result.i_1), \"=r\"(result.i_2), \"=r\"(result.i_3) : \"r\"(of_a) : \"memory\");\nreturn result;\n}();"
           " two b = [&]{\ntwo result;\n"
           "asm volatile(\"ldmatrix.sync.aligned.m8n8.x2.trans.shared::cta.b16 {%0, %1}, [%2];\" : \"=r\"(result.i_0), \"=r\"(result.i_1) : \"r\"(of_b) : \"memory\");\nreturn result;\n}();"
           " sums c = {}; sums d = [&]{\nsums result;\n"
           "asm (\"mma.sync.aligned.m16n8k16.row.col.f32.f16.f16.f32 {%0, %1, %2, %3}, {%4, %5, %6, %7}, {%8, %9}, {%10, %11, %12, %13};\""
           " : \"=f\"(result.i_0), \"=f\"(result.i_1), \"=f\"(result.i_2), \"=f\"(result.i_3)"
           " : \"r\"(a.i_0), \"r\"(a.i_1), \"r\"(a.i_2), \"r\"(a.i_3), \"r\"(b.i_0), \"r\"(b.i_1),"
           " \"f\"(c.i_0), \"f\"(c.i_1), \"f\"(c.i_2), \"f\"(c.i_3) );\nreturn result;\n}();"
           " float *out = values + (threadIdx.x / 4) * 8 + threadIdx.x % 4 * 2; out[0] = d.i_0; out[1] = d.i_1; out[64] = d.i_2; out[65] = d.i_3; }",
           "product");
       CUdeviceptr values = allocate(512 + 768);
       float here[128];
       EXPECT(launch(product, 1, values, 32, 2048) == 0 && cuMemcpyDtoHAsync(here, values, 512, stream) == 0);
       for (int row = 0; row < 16; row++)
         for (int column = 0; column < 8; column++) EXPECT(here[row * 8 + column] == row * 16 + column);
     }},
    {"a_read_before_the_copy_is_waited_for_finds_no_number", "STANDIN_SEED=1", "misuses: 0",
     [] {
       CUdeviceptr values = allocate(256);
       float here[64] = {}, *down;
       EXPECT(cuMemAllocHost((void **)&down, 256) == 0 && cuMemcpyHtoDAsync(values, here, 256, stream) == 0);
       // Chance runs some of it earlier; not all of so much.
       for (int copy = 0; copy < 20; copy++) EXPECT(cuMemcpyDtoHAsync(down, values, 256, stream) == 0);
       EXPECT(down[0] != down[0]);
       EXPECT(cuStreamSynchronize(stream) == 0 && down[0] == 0);
     }},
    {"fresh_memory_is_no_number", "", "misuses: 0",
     [] {
       float here[64];
       EXPECT(cuMemcpyDtoHAsync(here, allocate(256), 256, stream) == 0 && here[63] != here[63]);
     }},
    {"a_kernel_out_of_bounds_breaks_the_context", "", "MISUSE fault in a kernel: increment: Segmentation fault at byte 512 of",
     [] {
       CUdeviceptr values = allocate(512);
       EXPECT(launch(increment(), 3, values) == 0 && cuStreamSynchronize(stream) == CUDA_ERROR_ILLEGAL_ADDRESS);
       EXPECT(cuMemFree(values) == CUDA_ERROR_ILLEGAL_ADDRESS);
     }},
    {"a_kernel_on_freed_memory_is_refused", "", "MISUSE out of bounds: argument 0 of increment at its launch: 1 bytes at byte 0 of allocation 1, which was freed",
     [] {
       CUfunction function = increment();
       CUdeviceptr values = allocate(256);
       EXPECT(cuMemFree(values) == 0 && launch(function, 1, values) == CUDA_ERROR_INVALID_VALUE);
     }},
    {"a_write_behind_an_allocation_is_seen_when_it_is_freed", "", "MISUSE out of bounds: somebody wrote",
     [] {
       CUdeviceptr values = allocate(100);
       EXPECT(launch(increment(), 1, values) == 0 && cuMemFree(values) == 0);
     }},
    {"what_a_kernel_touches_counts_once_in_whole_sectors", "STANDIN_TRAFFIC=1",
     "traffic: 256 read, 256 written, 1 blocks of 64 threads, twice",
     [] {
       CUfunction twice = compile("extern \"C\" __global__ void __launch_bounds__(64) twice(float *values) {"
                                  " float sum = values[threadIdx.x]; if (threadIdx.x) sum += values[threadIdx.x - 1];"
                                  " values[threadIdx.x] = sum; }",
                                  "twice");
       EXPECT(launch(twice, 1, allocate(1000)) == 0 && cuStreamSynchronize(stream) == 0);
     }},
    {"freeing_twice_is_a_misuse", "", "MISUSE free of no allocation: cuMemFree of byte 0 of allocation 1, which was freed",
     [] {
       CUdeviceptr values = allocate(256);
       EXPECT(cuMemFree(values) == 0 && cuMemFree(values) == CUDA_ERROR_INVALID_VALUE);
     }},
    {"an_allocation_while_recording_ends_the_recording", "", "MISUSE forbidden while recording: cuMemAlloc",
     [] {
       CUdeviceptr address;
       CUgraph graph;
       EXPECT(cuStreamBeginCapture(stream, CU_STREAM_CAPTURE_MODE_GLOBAL) == 0);
       EXPECT(cuMemAlloc(&address, 256) == CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED);
       EXPECT(cuStreamEndCapture(stream, &graph) == CUDA_ERROR_STREAM_CAPTURE_INVALIDATED);
     }},
    {"a_graph_runs_again_on_what_its_memory_holds_then", "", "misuses: 0",
     [] {
       CUfunction function = increment();
       CUdeviceptr values = allocate(256);
       float here[64] = {};
       CUgraph graph;
       CUgraphExec executable;
       EXPECT(cuMemcpyHtoDAsync(values, here, 256, stream) == 0);
       EXPECT(cuStreamBeginCapture(stream, CU_STREAM_CAPTURE_MODE_GLOBAL) == 0 && launch(function, 1, values) == 0);
       EXPECT(cuStreamEndCapture(stream, &graph) == 0 && cuGraphInstantiateWithFlags(&executable, graph, 0) == 0);
       EXPECT(cuGraphDestroy(graph) == 0);
       for (int run = 0; run < 3; run++) EXPECT(cuGraphLaunch(executable, stream) == 0);
       EXPECT(cuMemcpyDtoHAsync(here, values, 256, stream) == 0 && here[0] == 3);
       EXPECT(cuGraphExecDestroy(executable) == 0);
     }},
    {"the_kth_call_fails_and_no_other", "STANDIN_FAIL=cuMemAlloc:2:2", "INJECTED cuMemAlloc call 2: 2",
     [] {
       CUdeviceptr address;
       EXPECT(cuMemAlloc(&address, 8) == 0 && cuMemAlloc(&address, 8) == CUDA_ERROR_OUT_OF_MEMORY);
       EXPECT(cuMemAlloc(&address, 8) == 0);
     }},
    {"more_than_the_gpu_has_is_out_of_memory", "STANDIN_GPUS=gtx1650:1024", "misuses: 0",
     [] {
       CUdeviceptr address;
       EXPECT(cuMemAlloc(&address, (size_t)1 << 30) == CUDA_ERROR_OUT_OF_MEMORY);
     }},
    {"a_reset_frees_everything_and_old_handles_are_dead", "", "exit: gpu 0: context gone, 0 allocations of 0 bytes",
     [] {
       CUdeviceptr values = allocate(256);
       EXPECT(cuDevicePrimaryCtxReset(0) == 0 && cuMemFree(values) == CUDA_ERROR_CONTEXT_IS_DESTROYED);
     }},
};

static bool passes(const Check &check, const std::string &folder) {
  std::string log = folder + "/" + check.name;
  fflush(stdout);
  if (pid_t child = fork()) {
    int status;
    waitpid(child, &status, 0);
    std::ifstream file(log);
    std::stringstream text;
    text << file.rdbuf();
    bool good = status == 0 && text.str().find(check.log) != std::string::npos;
    printf("%s %s\n", good ? "ok" : "FAILED", check.name);
    if (!good) printf("%s\nexpected in it: %s\n", text.str().c_str(), check.log);
    return good;
  }
  unlink(log.c_str());
  setenv("STANDIN_LOG", log.c_str(), 1);
  if (const char *equals = strchr(check.environment, '='))
    setenv(std::string(check.environment, equals).c_str(), equals + 1, 1);
  open_device();
  check.act();
  exit(0);
}

int main(int count, char **arguments) {
  if (count != 2) return fprintf(stderr, "usage: check FOLDER\n"), 2;
  int failed = 0;
  for (auto &check : checks) failed += !passes(check, arguments[1]);
  return failed ? 1 : 0;
}
