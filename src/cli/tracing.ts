import type { Config, Part } from '../config.js';
import type { Tracing } from '../tracing/index.js';

const DEFAULT_ENDPOINT = 'http://localhost:4318';
const TOLD_EACH_MS = 60_000;

/**
 * Starts tracing where the settings name a collector.
 * @param tellLost told of traces that were lost, at most once a minute
 * @returns null where there is none: nothing of OpenTelemetry but its API has been loaded then
 */
export async function openTracing(config: Config, part: Part, tellLost: (error: unknown) => void): Promise<Tracing | null> {
  const url = collectorUrl(config);
  if (url === null) return null;
  const { startTracing } = await import('../tracing/index.js');
  return startTracing({
    serviceName: config.OTEL_SERVICE_NAME ?? `latchkey-${part}`,
    url,
    headers: parseHeaders(config.OTEL_EXPORTER_OTLP_TRACES_HEADERS ?? config.OTEL_EXPORTER_OTLP_HEADERS ?? ''),
    sampler: config.OTEL_TRACES_SAMPLER,
    ratio: config.OTEL_TRACES_SAMPLER_ARG ?? 1,
    onLost: seldom(tellLost),
  });
}

/** Where traces go; null: nowhere. */
function collectorUrl(config: Config): string | null {
  const { OTEL_SDK_DISABLED: disabled, OTEL_TRACES_EXPORTER: exporter, OTEL_EXPORTER_OTLP_ENDPOINT: endpoint } = config;
  if (disabled || exporter === 'none') return null;
  // As it stands, where the other one is the root of every signal's path.
  if (config.OTEL_EXPORTER_OTLP_TRACES_ENDPOINT !== undefined) return config.OTEL_EXPORTER_OTLP_TRACES_ENDPOINT;
  if (endpoint === undefined && exporter === undefined) return null;
  return `${(endpoint ?? DEFAULT_ENDPOINT).replace(/\/+$/, '')}/v1/traces`;
}

/** `name=value,…`, each percent-encoded, as OpenTelemetry writes it. */
export function parseHeaders(list: string): Record<string, string> {
  const pairs = list.split(',').filter((pair) => pair.trim() !== '');
  return Object.fromEntries(
    pairs.map((pair) => {
      const [name = '', ...value] = pair.split('=');
      return [decoded(name.trim()), decoded(value.join('=').trim())];
    }),
  );
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

function seldom(tell: (error: unknown) => void): (error: unknown) => void {
  let toldMs = -Infinity;
  return (error) => {
    if (performance.now() - toldMs < TOLD_EACH_MS) return;
    toldMs = performance.now();
    tell(error);
  };
}
