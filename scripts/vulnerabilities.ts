import { z } from 'zod';

const advisory = z.object({ url: z.string(), title: z.string(), severity: z.string() });
const auditReport = z.object({
  vulnerabilities: z.record(z.string(), z.object({ via: z.array(z.union([z.string(), advisory])) })),
});

/** A vulnerability that production may carry for a while. */
export const exceptionsSchema = z.array(
  z.strictObject({
    advisory: z.string().regex(/^GHSA(-[23456789cfghjmpqrvwx]{4}){3}$/),
    package: z.string().min(1),
    /** Why it cannot hurt Latchkey, or why it is borne. */
    reason: z.string().min(20),
    /** The day from which it counts again. */
    until: z.iso.date(),
  }),
);
export type VulnerabilityException = z.infer<typeof exceptionsSchema>[number];

export type Verdict =
  { readonly kind: 'not_asked'; readonly why: string } | { readonly kind: 'asked'; readonly faults: string[]; readonly borne: string[] };

/**
 * What `npm audit --json` says, held against the exceptions.
 * @param today as `2026-01-31`
 */
export function judgeAudit(output: string, exceptions: readonly VulnerabilityException[], today: string): Verdict {
  const report = auditReport.safeParse(parseJson(output));
  if (!report.success) return { kind: 'not_asked', why: firstLine(output) };
  const found = Object.entries(report.data.vulnerabilities).flatMap(([name, { via }]) =>
    via.flatMap((each) =>
      typeof each !== 'string' && ['high', 'critical'].includes(each.severity)
        ? [{ name, ...each, id: each.url.slice(each.url.lastIndexOf('/') + 1) }]
        : [],
    ),
  );
  const exceptionOf = (name: string, id: string): VulnerabilityException | undefined =>
    exceptions.find((each) => each.advisory === id && each.package === name);
  const faults: string[] = [];
  const borne: string[] = [];
  for (const { name, id, severity, title } of found) {
    const exception = exceptionOf(name, id);
    const line = `${name}: ${title} (${severity}, ${id})`;
    if (exception === undefined) faults.push(line);
    else if (exception.until <= today) faults.push(`${line}: the exception ended on ${exception.until}`);
    else borne.push(`${line}: until ${exception.until}, ${exception.reason}`);
  }
  for (const { advisory: id, package: name } of exceptions) {
    if (!found.some((each) => each.id === id && each.name === name)) faults.push(`${name}: the exception for ${id} is no longer needed`);
  }
  return { kind: 'asked', faults, borne };
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}

function firstLine(text: string): string {
  const message = z.object({ message: z.string() }).safeParse(parseJson(text));
  return (message.success ? message.data.message : text).trim().split('\n')[0] ?? '';
}
