import { connect, createServer } from 'node:net';

/** The bank's gate as a process that a test may kill; the books behind it, customers and call log, stay. */
const [port, targetPort] = process.argv.slice(2).map(Number);
const gate = createServer((inbound) => {
  const outbound = connect(targetPort ?? 0, '127.0.0.1');
  inbound.on('error', () => outbound.destroy()).on('close', () => outbound.destroy());
  outbound.on('error', () => inbound.destroy()).on('close', () => inbound.destroy());
  inbound.pipe(outbound);
  outbound.pipe(inbound);
});
gate.listen(port, '127.0.0.1', () => process.send?.({ kind: 'ready' }));
process.on('message', () => process.exit(0));
process.on('disconnect', () => process.exit(0));
