import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';

// `node --import tsx bench/self-time.ts <dir>`: where the CPU profiles of `--cpu-profile` say that the time went, by module, a block
// for each thread that worked.

const profile = z.object({
  nodes: z.array(z.object({ id: z.number(), callFrame: z.object({ functionName: z.string(), url: z.string() }) })),
  samples: z.array(z.number()),
  timeDeltas: z.array(z.number()),
});

const IDLE = new Set(['(idle)', '(root)']);
const SHOWN = 18;
const WORTH_SHOWING_MS = 500;

/** The package, our own file, or what V8 calls a thing that is no code of ours. */
function moduleOf({ functionName, url }: { readonly functionName: string; readonly url: string }): string {
  if (url === '') return functionName.startsWith('(') ? functionName : '(built in)';
  const [, inPackage] = /.*node_modules\/((?:@[^/]+\/)?[^/]+)/.exec(url) ?? [];
  if (inPackage !== undefined) return inPackage;
  if (url.startsWith('node:')) return url;
  return url.replace(/^.*\/(dist|bench|src|workflows)\//, '$1/');
}

async function selfTimes(path: string): Promise<{ totalMs: number; byModule: Map<string, number> }> {
  const { nodes, samples, timeDeltas } = profile.parse(JSON.parse(await readFile(path, 'utf8')));
  const modules = new Map(nodes.map(({ id, callFrame }) => [id, moduleOf(callFrame)]));
  const byModule = new Map<string, number>();
  for (const [index, sample] of samples.entries()) {
    const name = modules.get(sample) ?? '(unknown)';
    if (!IDLE.has(name)) byModule.set(name, (byModule.get(name) ?? 0) + (timeDeltas[index] ?? 0) / 1000);
  }
  return { totalMs: [...byModule.values()].reduce((sum, ms) => sum + ms, 0), byModule };
}

const [directory = '.'] = process.argv.slice(2);
for (const file of (await readdir(directory)).filter((name) => name.endsWith('.cpuprofile')).toSorted()) {
  const { totalMs, byModule } = await selfTimes(join(directory, file));
  if (totalMs < WORTH_SHOWING_MS) continue;
  process.stdout.write(`\n${file}: ${totalMs.toFixed(0)} ms\n`);
  for (const [name, ms] of [...byModule].toSorted(([, a], [, b]) => b - a).slice(0, SHOWN)) {
    process.stdout.write(`${((100 * ms) / totalMs).toFixed(1).padStart(6)} %  ${ms.toFixed(0).padStart(6)} ms  ${name}\n`);
  }
}
