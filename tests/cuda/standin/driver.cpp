// A stand-in for libcuda.so.1: memory of the process instead of a GPU's, kernels run on the CPU one thread after the other.
//
// It shows neither races between the threads of a kernel nor speed nor what a GPU's compiler makes of the kernels. But each
// thread of the program has a stream of its own, as the driver has it with CUDA_API_PER_THREAD_DEFAULT_STREAM, and the functions
// that mean one stream for all are not there: memory that one stream writes or frees while another may still be using it is an
// error that ends the program. A stream that a thread makes besides is taken for its own, which events join it to.
//
// What it pretends to be:
//   STANDIN_DEVICES   how many GPUs there are (1)      STANDIN_MEMORY   bytes of memory of each (16 GiB)
//   STANDIN_DRIVER    newest CUDA it knows (13000)
//   STANDIN_SAID_FREE bytes of memory that it says are free at first, as if another program took them later (all)
//   STANDIN_IDLE      if 1, only kernels of one block are run, and all others counted: for the sizes of a GPU (0)
// When the last user of the device goes, it says on stderr how much memory was in use at most and how much was not freed,
// and how often it was asked to do something.
#include "device.h"

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <functional>
#include <map>
#include <mutex>
#include <string>
#include <vector>

namespace {

enum Result { SUCCESS = 0, INVALID_VALUE = 1, OUT_OF_MEMORY = 2, NO_DEVICE = 100, INVALID_DEVICE = 101, UNSUPPORTED_PTX_VERSION = 222, NOT_FOUND = 500 };
enum Attribute { CAPABILITY_MAJOR = 75, CAPABILITY_MINOR = 76, POOL_USED_AT_MOST = 8 };

typedef unsigned long long Address;

size_t setting(const char *name, size_t usual) {
    const char *text = getenv(name);
    return text ? strtoull(text, nullptr, 10) : usual;
}

const size_t devices = setting("STANDIN_DEVICES", 1);
const size_t memory = setting("STANDIN_MEMORY", 16ull << 30);
const size_t said_free = setting("STANDIN_SAID_FREE", memory);
const size_t driver = setting("STANDIN_DRIVER", 13000);
const bool idle = setting("STANDIN_IDLE", 0);

// What a stream has begun with a block, and that it had been waited for so often before.
struct Use { size_t stream, waits; bool writes; };

struct Block {
    size_t bytes;
    std::vector<Use> uses;
};

// One for all: trainings at once share a device.
std::mutex device;
std::map<Address, Block> blocks;
// How often each stream has been waited for.
std::vector<size_t> streams;
size_t used = 0, most = 0, users = 0;
size_t launches = 0, products = 0, fills = 0, filled = 0, sent = 0, waits = 0;

// The calling thread's stream.
size_t stream() {
    thread_local size_t number = streams.size();
    if (number == streams.size()) streams.push_back(0);
    return number;
}

// Begins to use memory. Whoever has the device calls.
void use(Address address, bool writes) {
    auto block = blocks.upper_bound(address);
    if (block == blocks.begin() || address >= (--block)->first + block->second.bytes) return;
    auto &uses = block->second.uses;
    const size_t own = stream();
    auto over = [](const Use &use) { return use.waits < streams[use.stream]; };
    uses.erase(std::remove_if(uses.begin(), uses.end(), over), uses.end());
    for (const Use &use : uses)
        if (use.stream != own && (writes || use.writes)) {
            fprintf(stderr, "stand-in GPU: stream %zu would %s memory that stream %zu may be %s\n", own, writes ? "change" : "read", use.stream, use.writes ? "changing" : "reading");
            abort();
        }
    for (Use &use : uses)
        if (use.stream == own) { use.writes |= writes; return; }
    uses.push_back({own, streams[own], writes});
}

Result allocate(Address *address, size_t bytes) {
    std::lock_guard<std::mutex> guard(device);
    if (used + bytes > memory) return OUT_OF_MEMORY;
    // Filled, since a GPU's memory is not zero either; untouched if nothing is computed with it.
    void *block = malloc(std::max<size_t>(bytes, 1));
    memset(block, idle ? 0 : 0xff, idle ? std::min<size_t>(bytes, 4096) : bytes);
    *address = (Address)block;
    blocks[*address] = {bytes, {}};
    used += bytes;
    most = std::max(most, used);
    return SUCCESS;
}

Result release(Address address) {
    std::lock_guard<std::mutex> guard(device);
    auto block = blocks.find(address);
    if (block == blocks.end()) return INVALID_VALUE;
    use(address, true);
    used -= block->second.bytes;
    blocks.erase(block);
    free((void *)address);
    return SUCCESS;
}

Result copy(void *to, const void *from, size_t bytes) {
    std::lock_guard<std::mutex> guard(device);
    use((Address)from, false);
    use((Address)to, true);
    memcpy(to, from, bytes);
    return SUCCESS;
}

Result send(Address to, const void *from, size_t bytes) {
    {
        std::lock_guard<std::mutex> guard(device);
        sent += bytes;
    }
    return copy((void *)to, from, bytes);
}

Result wait() {
    std::lock_guard<std::mutex> guard(device);
    waits++;
    streams[stream()]++;
    return SUCCESS;
}

Result wait_for_all() {
    std::lock_guard<std::mutex> guard(device);
    waits++;
    for (size_t &waits : streams) waits++;
    return SUCCESS;
}

Result fill(Address address, unsigned char value, size_t bytes) {
    std::lock_guard<std::mutex> guard(device);
    if (bytes) fills++, filled += bytes;
    use(address, true);
    if (!idle) memset((void *)address, value, bytes);
    return SUCCESS;
}

}  // namespace

extern "C" {

Result cuInit(unsigned) { return devices ? SUCCESS : NO_DEVICE; }
Result cuDriverGetVersion(int *version) { *version = (int)driver; return SUCCESS; }
Result cuGetErrorString(Result code, const char **text) {
    *text = code == NO_DEVICE ? "no CUDA-capable device is detected" : code == OUT_OF_MEMORY ? "out of memory" : "stand-in error";
    return SUCCESS;
}
// NVRTC asks for one and carries on without the driver if it has length 8.
Result cuGetExportTable(const void **table, const void *) {
    static const unsigned long long none[1] = {8};
    *table = none;
    return SUCCESS;
}

Result cuDeviceGetCount(int *count) { *count = (int)devices; return SUCCESS; }
Result cuDeviceGet(int *handle, int number) { *handle = number; return (size_t)number < devices ? SUCCESS : INVALID_DEVICE; }
Result cuDeviceGetName(char *name, int length, int) { snprintf(name, length, "stand-in GPU"); return SUCCESS; }
Result cuDeviceTotalMem_v2(size_t *bytes, int) { *bytes = memory; return SUCCESS; }
Result cuDeviceGetAttribute(int *value, int attribute, int) {
    *value = attribute == CAPABILITY_MAJOR ? 9 : attribute == CAPABILITY_MINOR ? 0 : 1;
    return SUCCESS;
}
Result cuDeviceGetDefaultMemPool(void **pool, int) { *pool = &blocks; return SUCCESS; }
Result cuMemPoolGetAttribute(void *, int attribute, void *value) {
    std::lock_guard<std::mutex> guard(device);
    *(unsigned long long *)value = attribute == POOL_USED_AT_MOST ? most : used;
    return SUCCESS;
}
Result cuMemPoolSetAttribute(void *, int, void *) { return SUCCESS; }
Result cuMemGetInfo_v2(size_t *left, size_t *total) {
    std::lock_guard<std::mutex> guard(device);
    *left = said_free - std::min(said_free, used);
    *total = memory;
    return SUCCESS;
}

Result cuDevicePrimaryCtxRetain(void **context, int) {
    std::lock_guard<std::mutex> guard(device);
    *context = &users;
    users++;
    return SUCCESS;
}
Result cuDevicePrimaryCtxRelease_v2(int) {
    std::lock_guard<std::mutex> guard(device);
    if (--users == 0) {
        fprintf(stderr, "stand-in GPU: %zu KiB used at most, %zu bytes not freed; ", most >> 10, used);
        fprintf(stderr, "%zu kernels, %zu matrix products, %zu fills of %zu MiB, %zu KiB sent to it, %zu times waited for\n", launches, products, fills, filled >> 20, sent >> 10, waits);
    }
    return SUCCESS;
}
Result cuCtxSetCurrent(void *) { return SUCCESS; }
Result cuCtxSynchronize() { return wait_for_all(); }
Result cuEventCreate(void **event, unsigned) { *event = &users; return SUCCESS; }
Result cuEventDestroy_v2(void *) { return SUCCESS; }
Result cuEventRecord_ptsz(void *, void *) { return SUCCESS; }
Result cuStreamCreate(void **stream, unsigned) { *stream = &users; return SUCCESS; }
Result cuStreamDestroy_v2(void *) { return SUCCESS; }
Result cuStreamSynchronize_ptsz(void *) { return wait(); }
Result cuStreamWaitEvent_ptsz(void *, void *, unsigned) { return SUCCESS; }

Result cuMemAllocAsync_ptsz(Address *address, size_t bytes, void *) { return allocate(address, bytes); }
Result cuMemAlloc_v2(Address *address, size_t bytes) { return allocate(address, bytes); }
Result cuMemFreeAsync_ptsz(Address address, void *) { return release(address); }
Result cuMemFree_v2(Address address) { return release(address); }
Result cuMemcpyHtoDAsync_v2_ptsz(Address to, const void *from, size_t bytes, void *) { return send(to, from, bytes); }
Result cuMemcpyHtoD_v2(Address to, const void *from, size_t bytes) { return send(to, from, bytes); }
Result cuMemcpyDtoHAsync_v2_ptsz(void *to, Address from, size_t bytes, void *) { return copy(to, (void *)from, bytes); }
Result cuMemcpyDtoH_v2(void *to, Address from, size_t bytes) { return copy(to, (void *)from, bytes); }
Result cuMemcpyDtoDAsync_v2_ptsz(Address to, Address from, size_t bytes, void *) { return copy((void *)to, (void *)from, bytes); }
Result cuMemcpyDtoD_v2(Address to, Address from, size_t bytes) { return copy((void *)to, (void *)from, bytes); }
Result cuMemsetD8Async_ptsz(Address address, unsigned char value, size_t bytes, void *) { return fill(address, value, bytes); }
Result cuMemsetD8_v2(Address address, unsigned char value, size_t bytes) { return fill(address, value, bytes); }

// A module is its PTX, whose version is checked and whose code is not looked at.
Result cuModuleLoadData(void **module, const void *image) {
    auto *text = new std::string((const char *)image);
    unsigned major = 0, minor = 0;
    size_t at = text->find(".version ");
    if (at != std::string::npos) sscanf(text->c_str() + at, ".version %u.%u", &major, &minor);
    *module = text;
    // CUDA 13.0 knows PTX up to 9.0, 12.2 up to 8.2, and so on.
    return (major + 4) * 1000 + minor * 10 <= driver ? SUCCESS : UNSUPPORTED_PTX_VERSION;
}
// By name of a file: linked, and not used.
Result cuModuleLoad(void **, const char *) { return NOT_FOUND; }
Result cuModuleUnload(void *module) { delete (std::string *)module; return SUCCESS; }
Result cuModuleGetFunction(void **function, void *module, const char *name) {
    auto kernel = kernels().find(name);
    bool there = ((std::string *)module)->find(std::string(".entry ") + name + "(") != std::string::npos;
    // dfdx asks for all kernels of a module, also for those that nobody launches.
    *function = kernel == kernels().end() ? nullptr : (void *)&*kernel;
    return there ? SUCCESS : NOT_FOUND;
}

Result cuLaunchKernel_ptsz(
    void *function, unsigned grid_x, unsigned, unsigned, unsigned block_x, unsigned, unsigned, unsigned, void *, void **arguments, void **
) {
    if (!function) {
        fprintf(stderr, "the stand-in GPU lacks a kernel: add its file to kernels.py\n");
        abort();
    }
    const Kernel &kernel = ((const std::pair<const std::string, Kernel> *)function)->second;
    std::lock_guard<std::mutex> guard(device);
    launches++;
    kernel.uses(arguments, [](const void *address, bool writes) { use((Address)address, writes); });
    if (idle && grid_x > 1) return SUCCESS;
    kernel.run(grid_x, block_x, arguments);
    return SUCCESS;
}

// Called by the stand-in for libcublas: whether to compute a product c of a and b. On the stream of all, which waits for every
// other and they for it, or on the calling thread's.
bool standin_product(bool of_all, const void *a, const void *b, const void *c) {
    if (of_all) wait_for_all();
    {
        std::lock_guard<std::mutex> guard(device);
        products++;
        use((Address)a, false);
        use((Address)b, false);
        use((Address)c, true);
    }
    if (of_all) wait_for_all();
    return !idle;
}

}
