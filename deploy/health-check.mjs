// Ends with 0 where the address answers with a 2xx; the image has no curl.
const [, , url = 'http://127.0.0.1:3000/healthz'] = process.argv;
const answer = await fetch(url, { signal: AbortSignal.timeout(4_000) }).catch((error) => ({
  ok: false,
  status: String(error.cause ?? error),
}));
console.log(`${url}: ${answer.status}`);
process.exit(answer.ok ? 0 : 1);
