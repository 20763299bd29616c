import { connect } from 'node:net';

/** A request as its bytes will be, well-formed or not. */
export interface RawRequest {
  method: string;
  target: string;
  headers: [name: string, value: string][];
  body: Buffer;
}

export interface RawAnswer {
  /** Null: the connection ended without one. */
  readonly httpStatus: number | null;
  readonly headers: ReadonlyMap<string, string>;
  readonly body: string;
}

const LIMIT_MS = 20_000;

export function bytesOf({ method, target, headers, body }: RawRequest): Buffer {
  const head = [`${method} ${target} HTTP/1.1`, ...headers.map(([name, value]) => `${name}: ${value}`)].join('\r\n');
  return Buffer.concat([Buffer.from(`${head}\r\n\r\n`, 'latin1'), body]);
}

/** Then nothing more comes of a request that is incomplete. */
const PATIENCE_MS = 2_500;

/**
 * Sends bytes, waits for the answer, and where none comes closes its own half, so that what is incomplete stays so.
 * @throws Error where neither an answer nor an end comes: the request hangs
 */
export function sendBytes(port: number, bytes: Buffer): Promise<RawAnswer> {
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = [];
    const socket = connect({ port, host: '127.0.0.1', allowHalfOpen: true }, () => socket.write(bytes));
    const giveUp = setTimeout(() => socket.end(), PATIENCE_MS);
    const timer = setTimeout(() => {
      socket.destroy();
      reject(new Error('it hangs'));
    }, LIMIT_MS);
    socket.on('data', (chunk) => chunks.push(chunk));
    // A server that has answered may reset what it does not want to read.
    socket.on('error', () => undefined);
    socket.on('close', () => {
      clearTimeout(timer);
      clearTimeout(giveUp);
      resolve(parseAnswer(Buffer.concat(chunks).toString('latin1')));
    });
    socket.on('end', () => socket.destroy());
  });
}

/** The first answer on a connection; after an error there is no other. */
function parseAnswer(text: string): RawAnswer {
  // An interim answer only says that the body may come.
  const final = text.replace(/^(HTTP\/1\.1 1\d\d [^\r]*\r\n(?:[^\r]+\r\n)*\r\n)+/, '');
  const [head = '', ...rest] = final.split('\r\n\r\n');
  const [statusLine = '', ...lines] = head.split('\r\n');
  const headers = new Map(lines.map((line) => [line.slice(0, line.indexOf(':')).toLowerCase(), line.slice(line.indexOf(':') + 1).trim()]));
  const length = Number(headers.get('content-length') ?? '0');
  const httpStatus = /^HTTP\/1\.1 (\d{3}) /.exec(statusLine)?.[1];
  const body = Buffer.from(rest.join('\r\n\r\n'), 'latin1').subarray(0, length).toString('utf8');
  return { httpStatus: httpStatus === undefined ? null : Number(httpStatus), headers, body };
}
