import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { z } from 'zod';
import { isInProduction, lockedPackages } from './lock-file.js';

const root = new URL('../', import.meta.url);
const component = z.looseObject({ 'bom-ref': z.string(), name: z.string(), version: z.string() });
const bom = z.looseObject({
  metadata: z.looseObject({ component: z.looseObject({ 'bom-ref': z.string() }) }),
  components: z.array(component),
  dependencies: z.array(z.looseObject({ ref: z.string(), dependsOn: z.array(z.string()) })),
});

export type Sbom = z.infer<typeof bom>;

/**
 * The bill of materials (CycloneDX) of what the production image installs.
 *
 * npm lists what stands in the lock file; what production does not install is taken out here, by the lock file's own marks, because
 * `npm sbom --omit=dev` also leaves out whatever a development package needs too.
 * @throws Error where npm cannot make it
 */
export function productionSbom(): Sbom {
  const npm = process.platform === 'win32' ? 'npm.cmd' : 'npm';
  const { status, stdout, stderr } = spawnSync(npm, ['sbom', '--package-lock-only', '--sbom-format=cyclonedx', '--sbom-type=application'], {
    cwd: fileURLToPath(root),
    encoding: 'utf8',
    maxBuffer: 64 * 1024 * 1024,
  });
  if (status !== 0) throw new Error(`npm sbom failed: ${stderr}`);
  const whole = bom.parse(JSON.parse(stdout));
  const installed = new Set(
    lockedPackages()
      .filter(isInProduction)
      .map(({ name, version }) => `${name}@${version}`),
  );
  const latchkey = whole.metadata.component['bom-ref'];
  const kept = (ref: string): boolean => ref === latchkey || installed.has(ref);
  const { name } = z.object({ name: z.string() }).parse(JSON.parse(readFileSync(new URL('package.json', root), 'utf8')));
  return {
    ...whole,
    // npm calls it after its folder.
    metadata: { ...whole.metadata, component: { ...whole.metadata.component, name } },
    components: whole.components.filter((each) => kept(each['bom-ref'])),
    dependencies: whole.dependencies
      .filter(({ ref }) => kept(ref))
      .map((each) => ({ ...each, dependsOn: each.dependsOn.filter((ref) => kept(ref)) })),
  };
}
