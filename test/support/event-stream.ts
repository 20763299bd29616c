/** One server-sent event, read by what the specification says and not by our own code. */
export interface ServerSentEvent {
  readonly id: string;
  readonly data: unknown;
}

/** Opens a stream of server-sent events and reads it. */
export async function openEventStream(url: string, token: string, headers: Readonly<Record<string, string>> = {}) {
  const hangUp = new AbortController();
  const response = await fetch(url, { headers: { authorization: `Bearer ${token}`, ...headers }, signal: hangUp.signal });
  const events: ServerSentEvent[] = [];
  const comments: string[] = [];

  function take(block: string): void {
    const fields = block.split('\n').map((line) => /^([^:]*): ?(.*)$/.exec(line) ?? ['', line, '']);
    const of = (name: string): string[] => fields.filter((field) => field[1] === name).map((field) => field[2] ?? '');
    comments.push(...of(''));
    const [data = null] = of('data');
    if (data !== null) events.push({ id: of('id')[0] ?? '', data: JSON.parse(data) });
  }

  async function read(): Promise<void> {
    const decoder = new TextDecoder();
    let rest = '';
    const chunks: AsyncIterable<Uint8Array> | null = response.body;
    if (chunks === null) return;
    for await (const chunk of chunks) {
      const blocks = (rest + decoder.decode(chunk, { stream: true })).split('\n\n');
      rest = blocks.pop() ?? '';
      blocks.forEach(take);
    }
  }

  const ended = read();
  // Whoever waits for the end hears of a failure; whoever hangs up need not.
  ended.catch(() => undefined);
  return { status: response.status, headers: response.headers, events, comments, ended, hangUp: () => hangUp.abort() };
}
