/** Loaded into the engine's process with `--expose-gc --import`: at each SIGUSR2 it collects garbage and prints what the process holds. */
const collect = (globalThis as { gc?: () => void }).gc;
let probes = 0;

process.on('SIGUSR2', () => {
  for (let round = 0; round < 3; round++) collect?.();
  const { rss, heapUsed, external } = process.memoryUsage();
  const resources = process.getActiveResourcesInfo().length;
  console.log(JSON.stringify({ probe: ++probes, rss, heapUsed, external, resources }));
});
