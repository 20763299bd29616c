import { isInProduction, lockedPackages, type LockedPackage } from './lock-file.js';

/** The licences that a package in production may have: all permissive, none asks for the source of what uses it. SPDX. */
export const permissiveLicences = [
  '0BSD',
  'Apache-2.0',
  'Apache-2.0 AND MIT',
  'BlueOak-1.0.0',
  'BSD-2-Clause',
  'BSD-3-Clause',
  'CC-BY-4.0',
  'ISC',
  'MIT',
  'Unlicense',
];

/** Packages whose `package.json` names no licence, and what their LICENSE file is. */
export const licencesByFile: Readonly<Record<string, string>> = { unionfs: 'Unlicense' };

export function licenceOf({ name, license }: LockedPackage): string {
  return license ?? licencesByFile[name] ?? 'unknown';
}

/** `docs/licences.md`: every package that the production image carries, by licence. */
export function licencesPage(): string {
  const inProduction = lockedPackages().filter(isInProduction);
  const rows = [...new Set(inProduction.map(licenceOf))].toSorted().map((licence) =>
    row(
      licence,
      inProduction.filter((each) => licenceOf(each) === licence),
    ),
  );
  return `# Licences of what production carries

<!-- Written by \`npm run write:licences\` from package-lock.json; a test holds them against each other. -->

The packages of \`npm ci --omit=dev --omit=optional\`, as the production image installs them. A test lets no licence in that is not on the list of
permissive ones (\`scripts/licences.ts\`). CC-BY-4.0 is that of a table of browsers, which comes with the bundler of Temporal's worker.

| licence | packages | |
|---|---|---|
${rows.join('\n')}
`;
}

function row(licence: string, packages: readonly LockedPackage[]): string {
  const names = [...new Set(packages.map(({ name, version }) => `${name} ${version}`))].toSorted();
  return `| ${licence} | ${names.length} | ${names.join(', ')} |`;
}
