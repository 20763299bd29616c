import { describe, expect, it } from '@jest/globals';
import { exceptionsSchema, judgeAudit, type VulnerabilityException } from '../../scripts/vulnerabilities.js';

const advisory = (severity: string) => ({
  source: 1,
  name: 'left-pad',
  title: 'Pads too far',
  url: 'https://advisories.example/GHSA-2222-3333-4444',
  severity,
  range: '<2',
});
const report = (severity: string): string =>
  JSON.stringify({
    auditReportVersion: 2,
    vulnerabilities: {
      'left-pad': { name: 'left-pad', severity, via: [advisory(severity)], effects: ['right-pad'] },
      'right-pad': { name: 'right-pad', severity, via: ['left-pad'], effects: [] },
    },
  });
const exception: VulnerabilityException = {
  advisory: 'GHSA-2222-3333-4444',
  package: 'left-pad',
  reason: 'Nothing is padded with what callers send.',
  until: '2030-02-01',
};
const line = (severity: string): string => `left-pad: Pads too far (${severity}, GHSA-2222-3333-4444)`;

describe('a known vulnerability', () => {
  it.each(['high', 'critical'])('that is %s fails', (severity) => {
    expect(judgeAudit(report(severity), [], '2030-01-31')).toEqual({ kind: 'asked', faults: [line(severity)], borne: [] });
  });

  it.each(['info', 'low', 'moderate'])('that is %s does not', (severity) => {
    expect(judgeAudit(report(severity), [], '2030-01-31')).toEqual({ kind: 'asked', faults: [], borne: [] });
  });

  it('is borne as long as its exception lasts, and not a day longer', () => {
    expect(judgeAudit(report('high'), [exception], '2030-01-31')).toMatchObject({
      faults: [],
      borne: [expect.stringContaining(line('high'))],
    });
    expect(judgeAudit(report('high'), [exception], '2030-02-01')).toMatchObject({
      faults: [`${line('high')}: the exception ended on 2030-02-01`],
      borne: [],
    });
  });

  it('is not borne for another package or by another advisory', () => {
    for (const other of [{ package: 'right-pad' }, { advisory: 'GHSA-5555-5555-5555' }]) {
      expect(judgeAudit(report('high'), [{ ...exception, ...other }], '2030-01-31')).toMatchObject({
        faults: expect.arrayContaining([line('high')]),
        borne: [],
      });
    }
  });
});

describe('an exception', () => {
  it('that nothing needs any longer fails', () => {
    expect(judgeAudit(JSON.stringify({ vulnerabilities: {} }), [exception], '2030-01-31')).toMatchObject({
      faults: ['left-pad: the exception for GHSA-2222-3333-4444 is no longer needed'],
    });
  });

  it.each([
    ['a reason', { reason: 'fine' }],
    ['an advisory', { advisory: 'CVE-2030-1' }],
    ['a day', { until: 'some day' }],
  ])('without %s is refused', (_what, fault) => {
    expect(exceptionsSchema.safeParse([{ ...exception, ...fault }]).success).toBe(false);
    expect(exceptionsSchema.safeParse([exception]).success).toBe(true);
  });
});

describe('a registry that cannot be asked', () => {
  it.each([
    ['an error of npm', JSON.stringify({ message: '405 Method Not Allowed', error: {} }), '405 Method Not Allowed'],
    ['words', 'npm error network\nmore', 'npm error network'],
    ['nothing', '', ''],
  ])('is told from one that knows of none: %s', (_what, output, why) => {
    expect(judgeAudit(output, [], '2030-01-31')).toEqual({ kind: 'not_asked', why });
  });
});
