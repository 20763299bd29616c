/** One line of an exposition. */
export interface Sample {
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly value: number;
}

const metricName = /^[a-zA-Z_:][a-zA-Z0-9_:]*$/;
const sampleLine = /^([a-zA-Z_:][a-zA-Z0-9_:]*)(?:\{(.*)\})? (\S+)$/;
const labelPair = /([a-zA-Z_][a-zA-Z0-9_]*)="((?:[^"\\\n]|\\["\\n])*)"(?:,|$)/y;

/**
 * Reads Prometheus' text format as strictly as its own tools.
 * @throws Error naming the first line that breaks a rule: an unknown line, a metric without HELP and TYPE before it or in two places,
 * a label that cannot be read, a value that is no number, a sample told twice
 */
export function parseExposition(text: string): Sample[] {
  if (!text.endsWith('\n')) throw new Error('the last line does not end');
  const types = new Map<string, string>();
  const helps = new Set<string>();
  const seen = new Set<string>();
  const samples: Sample[] = [];
  let current = '';
  for (const line of text.split('\n')) {
    const fail = (why: string): never => {
      throw new Error(`${why}: ${line}`);
    };
    if (line === '') continue;
    const comment = /^# (HELP|TYPE) (\S+) (.+)$/.exec(line);
    if (comment !== null) {
      const [, kind, name = '', rest = ''] = comment;
      if (!metricName.test(name)) fail('no name of a metric');
      if (kind === 'HELP') {
        if (helps.has(name)) fail('told twice');
        helps.add(name);
        current = name;
      } else {
        if (types.has(name) || name !== current) fail('a TYPE out of place');
        if (!/^(counter|gauge|histogram|summary|untyped)$/.test(rest)) fail('no type');
        types.set(name, rest);
      }
      continue;
    }
    const [, name = fail('no sample'), inBraces = '', spelled = ''] = sampleLine.exec(line) ?? fail('unknown line');
    const family = types.get(current) === 'histogram' ? name.replace(/_(bucket|sum|count)$/, '') : name;
    if (family !== current || !types.has(family)) fail('a sample without its HELP and TYPE');
    const value = Number(spelled.replace(/^([+-]?)Inf$/, '$1Infinity'));
    if (Number.isNaN(value) && !/^nan$/i.test(spelled)) fail('no number');
    const labels = readLabels(inBraces) ?? fail('labels that cannot be read');
    const key = `${name}${JSON.stringify(Object.entries(labels).toSorted())}`;
    if (seen.has(key)) fail('told twice');
    seen.add(key);
    samples.push({ name, labels, value });
  }
  return samples;
}

function readLabels(text: string): Record<string, string> | null {
  const labels: Record<string, string> = {};
  labelPair.lastIndex = 0;
  for (let at = 0; at < text.length; at = labelPair.lastIndex) {
    const [, name = '', value = ''] = labelPair.exec(text) ?? [];
    if (name === '' || name in labels) return null;
    labels[name] = value;
  }
  return labels;
}
