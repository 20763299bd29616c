import {
  connect,
  constants,
  createServer,
  type ClientHttp2Session,
  type Http2Session,
  type IncomingHttpHeaders,
  type ServerHttp2Stream,
} from 'node:http2';
import type { AddressInfo } from 'node:net';
import { gunzipSync } from 'node:zlib';
import type { LossyWay } from './lossy-way.js';
import type { Loss } from './places.js';

export interface LossyGrpc extends LossyWay {
  /** The worker's next report about this request never reaches the server, however often it is sent. */
  loseReport(correlationId: string): void;
  isReportAwaited(correlationId: string): boolean;
}

const FRAME_HEADER_BYTES = 5;
const UNAVAILABLE = { ':status': 200, 'content-type': 'application/grpc', 'grpc-status': '14', 'grpc-message': 'lost on the way' };
const REPORT = /\/Respond(WorkflowTask|ActivityTask)(Completed|Failed)$/;
const STREAMS = 2_000;

/** For gRPC's calls of one message each way: many share a connection, and each is told apart by the workflow id in its bytes. */
export async function startLossyGrpc(targetPort: number): Promise<LossyGrpc> {
  const replies = new Map<string, Loss>();
  const reports = new Set<string>();
  const lostReports = new Set<string>();
  const sessions = new Map<Http2Session, ClientHttp2Session>();
  const server = createServer({ settings: { maxConcurrentStreams: STREAMS } });

  server.on('session', (inbound) => {
    const outbound = connect(`http://127.0.0.1:${targetPort}`, { peerMaxConcurrentStreams: STREAMS });
    sessions.set(inbound, outbound);
    outbound.on('error', () => undefined).on('close', () => inbound.destroy());
    inbound
      .on('error', () => undefined)
      .on('close', () => {
        sessions.delete(inbound);
        outbound.destroy();
      });
  });
  server.on('stream', (stream, headers) => {
    const chunks: Buffer[] = [];
    stream.on('error', () => undefined);
    stream.on('data', (chunk: Buffer) => chunks.push(chunk));
    stream.on('end', () => forward(stream, headers, Buffer.concat(chunks)));
  });

  function forward(stream: ServerHttp2Stream, headers: IncomingHttpHeaders, body: Buffer): void {
    const outbound = stream.session === undefined ? undefined : sessions.get(stream.session);
    if (outbound === undefined || outbound.destroyed || outbound.closed) return stream.close(constants.NGHTTP2_CANCEL);
    const path = String(headers[':path']);
    const text = readable(body).toString('latin1');
    const fingerprint = body.toString('latin1');
    const named = (ids: Iterable<string>): string | undefined => [...ids].find((id) => text.includes(`unlock-${id}`));
    const unheard = REPORT.test(path) ? named(reports) : undefined;
    if (unheard !== undefined) {
      reports.delete(unheard);
      lostReports.add(fingerprint);
    }
    if (lostReports.has(fingerprint)) return stream.respond(UNAVAILABLE, { endStream: true });
    const lost = path.includes('/Poll') ? undefined : named(replies.keys());
    const loss = lost === undefined ? undefined : replies.get(lost);
    if (lost !== undefined) replies.delete(lost);

    const call = outbound.request(headers);
    const reply: Buffer[] = [];
    let head: IncomingHttpHeaders = {};
    let trailers: IncomingHttpHeaders = {};
    call.on('error', () => stream.close(constants.NGHTTP2_CANCEL));
    call.on('response', (got) => (head = got));
    call.on('trailers', (got) => (trailers = got));
    call.on('data', (chunk: Buffer) => reply.push(chunk));
    call.on('end', () => {
      if (stream.destroyed) return;
      if (loss === 'silence') return;
      if (loss === 'reset') return stream.respond(UNAVAILABLE, { endStream: true });
      const whole = Buffer.concat(reply);
      if (loss === 'cut') {
        stream.respond(head);
        stream.write(whole.subarray(0, Math.floor(whole.length / 2)), () => stream.session?.destroy());
        return;
      }
      if (Object.keys(trailers).length === 0) return stream.respond(head, { endStream: true });
      stream.respond(head, { waitForTrailers: true });
      stream.on('wantTrailers', () => stream.sendTrailers(trailers));
      stream.end(whole);
    });
    stream.on('close', () => call.close(constants.NGHTTP2_CANCEL));
    call.end(body);
  }

  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    port: (server.address() as AddressInfo).port,
    loseReply: (correlationId, loss) => void replies.set(correlationId, loss),
    isArmed: (correlationId) => replies.has(correlationId),
    loseReport: (correlationId) => void reports.add(correlationId),
    isReportAwaited: (correlationId) => reports.has(correlationId),
    close() {
      for (const session of sessions.keys()) session.destroy();
      return new Promise((resolve) => void server.close(() => resolve()));
    },
  };
}

/** The message of a frame, unpacked. */
function readable(body: Buffer): Buffer {
  const message = body.subarray(FRAME_HEADER_BYTES);
  return body[0] === 1 ? gunzipSync(message) : message;
}
