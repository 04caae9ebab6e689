"""Times one training step of GoogLeNet in PyTorch, for comparison with `inception-nas bench --no-aux`.

The same network, images and step (forward, cross-entropy, backward, SGD with momentum), in channels_last, which is
PyTorch's faster layout for it. Prints the same keys as `inception-nas bench --json`. Needs `pip install torch numpy`;
`cargo bench --bench step -- --peers` runs it on the CPU, `tests/cuda/acceptance.sh` on a GPU.
"""
import argparse
import json
import pathlib
import resource
import statistics
import sys
import time

import torch
import torch.nn.functional as F

sys.path.insert(0, str(pathlib.Path(__file__).parents[2] / "tests" / "golden"))
import googlenet as golden

parser = argparse.ArgumentParser()
parser.add_argument("--arch", default="googlenet:1", help="googlenet:0.25 has every width multiplied by 0.25")
parser.add_argument("--size", type=int, default=64)
parser.add_argument("--batch", type=int, default=32)
parser.add_argument("--threads", type=int, default=1)
parser.add_argument("--steps", type=int, default=8)
parser.add_argument("--device", default="cpu")
parser.add_argument("--precision", choices=["f32", "tf32", "f16"], default="f32")
parser.add_argument("--compile", action="store_true")
args = parser.parse_args()

torch.set_num_threads(args.threads)
torch.manual_seed(0)
gpu = args.device != "cpu"
torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = args.precision == "tf32"
torch.backends.cudnn.benchmark = True
half = args.precision == "f16"
scaler = torch.amp.GradScaler(enabled=half)
golden.RATIO, golden.CLASSES = float(args.arch.removeprefix("googlenet:")), 2
network = golden.GoogLeNet()
del network.aux1, network.aux2
network = network.to(args.device, memory_format=torch.channels_last)
images = torch.randn(args.batch, 3, args.size, args.size).to(args.device, memory_format=torch.channels_last)
labels = torch.randint(0, 2, (args.batch,), device=args.device)


def forward(x):
    pool = lambda x: F.max_pool2d(x, 3, 2, ceil_mode=True)
    x = pool(network.conv3(network.conv2(pool(network.conv1(x)))))
    for name in golden.BLOCKS:
        x = getattr(network, f"inception{name}")(x)
        if name in ("3b", "4e"):
            x = pool(x)
    return network.fc(F.adaptive_avg_pool2d(x, 1).flatten(1))


macs = 0


def count(module, _, output):
    global macs
    macs += output[0].numel() * module.weight[0].numel()


hooks = [m.register_forward_hook(count) for m in network.modules() if isinstance(m, torch.nn.Conv2d)]
forward(images[:1])
for hook in hooks:
    hook.remove()

sgd = torch.optim.SGD(network.parameters(), 0.01, momentum=0.9, nesterov=True, weight_decay=1e-4)
if args.compile:
    forward = torch.compile(forward)
# A GPU tries algorithms first.
warm_up = 5 if gpu else 2


def step():
    start = time.perf_counter()
    sgd.zero_grad()
    with torch.autocast("cuda", torch.float16, enabled=half):
        loss = F.cross_entropy(forward(images), labels)
    scaler.scale(loss).backward()
    scaler.step(sgd)
    scaler.update()
    return time.perf_counter() - start


for _ in range(warm_up):
    step()
if gpu:
    # As the program measures: nobody waits for the GPU between steps, and what trying algorithms took does not count.
    torch.cuda.synchronize()
    torch.cuda.reset_peak_memory_stats()
    start = time.perf_counter()
    for _ in range(args.steps):
        step()
    torch.cuda.synchronize()
    seconds = (time.perf_counter() - start) / args.steps
else:
    seconds = statistics.median(step() for _ in range(args.steps))
rate = args.batch / seconds
if gpu:
    peak_mib = torch.cuda.max_memory_allocated() >> 20
else:
    peak_mib = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
print(json.dumps({
    "images_per_s": rate,
    "macs_per_image": macs,
    "gflops": 6 * macs * rate / 1e9,
    "threads": args.threads,
    "peak_mib": peak_mib,
}))
