// Verifies an evidence pack of Latchkey, offline: it needs Node 18 or newer and nothing else, and asks nobody.
//   node verify.mjs --key 'name+id+key'
// Get the public key from somewhere other than this pack: it is what your trust rests on. More than one may be given.
// Get this program from elsewhere too, if you do not want to read it: whoever falsifies a pack may falsify what verifies it.
//   --pack FOLDER       the unpacked pack, if it is not where this program stands
//   --checkpoint FILE   also holds the pack against a checkpoint that you had from elsewhere (of the same log and size)
// Exit codes: 0 intact; 1 cannot verify; 2 wrong usage; 3 falsified; 4 nothing wrong, but something is not vouched for (it is said what).
import { Buffer } from 'node:buffer';
import { createHash, createPublicKey, verify } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const offences = [];
const doubts = [];

function options(words) {
  const given = { keys: [], checkpoints: [], packs: [] };
  for (let at = 0; at < words.length; at += 2) {
    const [name, value] = [words[at], words[at + 1]];
    const list = { '--key': given.keys, '--checkpoint': given.checkpoints, '--pack': given.packs }[name];
    if (list === undefined || value === undefined) {
      console.error(`usage: node verify.mjs [--pack FOLDER] [--key 'name+id+key']... [--checkpoint FILE]...`);
      process.exit(2);
    }
    list.push(value);
  }
  return given;
}

const sha256 = (...parts) => {
  const hash = createHash('sha256');
  for (const part of parts) hash.update(part);
  return hash.digest();
};
const bytes = (base64) => Buffer.from(base64, 'base64');
/** A pack's own words must not speak to the terminal. */
const plain = (line) => String(line).replace(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu, '?');
const say = (line) => console.log(plain(line));

/** `name+id+base64`, as Go's sumdb/note has it. */
function readKey(text) {
  const [, name, id, encoded] = /^([^\s+]+)\+([0-9a-f]{8})\+([A-Za-z0-9+/=]+)$/.exec(text) ?? [];
  const typed = bytes(encoded ?? '');
  if (name === undefined || typed.length !== 33 || typed[0] !== 1) throw new Error(`this is no public key: ${text}`);
  if (sha256(`${name}\n`, typed).subarray(0, 4).toString('hex') !== id)
    throw new Error(`the id of this public key is not its own: ${text}`);
  const der = Buffer.concat([Buffer.from('302a300506032b6570032100', 'hex'), typed.subarray(1)]);
  return { name, id, key: createPublicKey({ key: der, format: 'der', type: 'spki' }) };
}

/** The text of a signed note, once a trusted key has signed it: C2SP signed-note. */
function openNote(note, keys) {
  const end = note.lastIndexOf('\n\n');
  const text = note.slice(0, end + 1);
  const lines = note.slice(end + 2).split('\n');
  const signed = lines.some((line) => {
    const [, name, encoded] = /^\u2014 (\S+) ([A-Za-z0-9+/=]+)$/.exec(line) ?? [];
    const signature = bytes(encoded ?? '');
    return keys.some(
      (one) =>
        one.name === name &&
        signature.subarray(0, 4).toString('hex') === one.id &&
        verify(null, Buffer.from(text), one.key, signature.subarray(4)),
    );
  });
  return end > 0 && signed ? text : null;
}

function checkpointIn(text) {
  const [origin, size, root] = text.split('\n');
  return { origin, size: Number(size), root: bytes(root ?? '') };
}

/** The root that leaf `index` of `size` leads to with these hashes: RFC 6962, section 2.1.1. */
function rootBy(leaf, index, size, proof) {
  let [place, last, hash] = [index, size - 1, leaf];
  for (const other of proof) {
    if (last === 0) return null;
    if (place % 2 === 1 || place === last) {
      hash = sha256(Buffer.of(1), other, hash);
      while (place % 2 === 0 && place !== 0) [place, last] = [Math.floor(place / 2), Math.floor(last / 2)];
    } else hash = sha256(Buffer.of(1), hash, other);
    [place, last] = [Math.floor(place / 2), Math.floor(last / 2)];
  }
  return last === 0 ? hash : null;
}

function readLog({ origin, checkpoint, continues }, keys) {
  const text = openNote(checkpoint, keys);
  if (text === null) {
    offences.push(`the checkpoint of ${origin} bears no signature of a key that is trusted`);
    return null;
  }
  if (continues !== null && openNote(continues, keys) === null)
    offences.push(`the link of ${origin} to the log before it is not signed by a trusted key`);
  const opened = checkpointIn(text);
  if (opened.origin !== origin) offences.push(`the checkpoint is of ${opened.origin}, not of ${origin}`);
  return opened;
}

function checkRecord(line, entry, logs, { correlationId, institutionId }) {
  const record = JSON.parse(line);
  const name = `${record.action} of ${record.occurred_at} (event ${record.id})`;
  if (record.correlation_id !== correlationId) offences.push(`${name} belongs to another request`);
  if (record.institution_id !== institutionId) offences.push(`${name} is of institution ${record.institution_id}, not ${institutionId}`);
  if (entry.eventId !== record.id) offences.push(`${name} stands in the place of event ${entry.eventId}`);
  if (entry.proof === null) {
    doubts.push(`${name} is not sealed yet: nothing vouches for it`);
    return { record, mark: 'not sealed' };
  }
  const log = logs.get(entry.log);
  if (log === undefined) offences.push(`${name} names the log ${entry.log}, of which the pack holds no checkpoint`);
  // Null: what is wrong with its checkpoint has been said.
  if (log == null) return { record, mark: 'no checkpoint' };
  const root = rootBy(sha256(Buffer.of(0), line), entry.leafIndex, log.size, entry.proof.map(bytes));
  if (root !== null && entry.leafIndex < log.size && root.equals(log.root)) return { record, mark: 'sealed' };
  offences.push(`${name} is not what was sealed as leaf ${entry.leafIndex} of ${entry.log}`);
  return { record, mark: 'CHANGED' };
}

function holdAgainst(path, keys, logs) {
  const text = openNote(readFileSync(path, 'utf8'), keys);
  if (text === null) {
    offences.push(`${path} bears no signature of a key that is trusted`);
    return;
  }
  const { origin, size, root } = checkpointIn(text);
  const own = logs.get(origin);
  if (own == null) doubts.push(`${path} is of another log (${origin}): it vouches for nothing here`);
  else if (own.size !== size)
    doubts.push(`${path} is of ${size} leaves, and the pack's checkpoint of ${own.size}: take the one that was published for that size`);
  else if (!own.root.equals(root)) offences.push(`${path} has another root for ${size} leaves of ${origin}: there were two logs`);
}

function main() {
  const given = options(process.argv.slice(2));
  const folder = given.packs.at(-1) ?? dirname(fileURLToPath(import.meta.url));
  const evidence = JSON.parse(readFileSync(join(folder, 'evidence.json'), 'utf8'));
  const lines = readFileSync(join(folder, 'records.ndjson'), 'utf8')
    .split('\n')
    .filter((line) => line !== '');
  if (given.keys.length === 0) {
    if (evidence.publicKeys.length === 0) throw new Error('no public key is given: use --key');
    doubts.push(
      'the public key comes from this pack itself: compare it with the one that you had from elsewhere, or give that one with --key',
    );
  }
  const keys = (given.keys.length > 0 ? given.keys : evidence.publicKeys).map(readKey);
  const logs = new Map(evidence.logs.map((log) => [log.origin, readLog(log, keys)]));
  if (typeof evidence.correlationId !== 'string' || typeof evidence.institutionId !== 'string')
    throw new Error('the pack names no request');
  if (lines.length === 0) throw new Error('the pack holds no record');
  evidence.logs.forEach(({ origin, checkpoint }, at) => {
    if (readFileSync(join(folder, `checkpoint-${at + 1}.note`), 'utf8') !== checkpoint)
      offences.push(`checkpoint-${at + 1}.note is not the checkpoint of ${origin} that the proofs lead to`);
  });
  if (lines.length !== evidence.records.length) offences.push(`there are ${lines.length} records, and ${evidence.records.length} proofs`);
  const checked = lines.slice(0, evidence.records.length).map((line, at) => checkRecord(line, evidence.records[at], logs, evidence));
  const seen = new Set(checked.map(({ record }) => record.id));
  if (seen.size !== checked.length) offences.push('a record stands here twice');
  for (const path of given.checkpoints) holdAgainst(path, keys, logs);

  const verdict = offences.length > 0 ? 'FALSIFIED' : doubts.length > 0 ? 'NOT VOUCHED FOR' : 'INTACT';
  say(`${verdict}: ${checked.length} records of ${evidence.correlationId}`);
  for (const offence of offences) say(`  wrong: ${offence}`);
  for (const doubt of doubts) say(`  not vouched for: ${doubt}`);
  for (const [origin, log] of logs)
    if (log !== null) say(`log ${origin}: checkpoint of ${log.size} leaves, root ${log.root.toString('base64')}`);
  say('');
  for (const { record, mark } of checked) {
    const what = [
      record.action,
      record.attempt && `attempt ${record.attempt}`,
      record.result,
      record.outcome,
      record.http_status,
      record.actor_id,
    ];
    say(`${mark.padEnd(13)} ${record.occurred_at}  ${what.filter((word) => word != null).join('  ')}`);
  }
  say('');
  say(
    'Not checked: case.html and README.txt, which are for reading; whom the pack was made for; the digest of the workflow, which only Temporal can confirm.',
  );
  say('Whether this is all that was recorded of the request only "latchkey audit verify" on the database can tell.');
  process.exitCode = offences.length > 0 ? 3 : doubts.length > 0 ? 4 : 0;
}

try {
  main();
} catch (error) {
  console.error(plain(`cannot verify: ${error instanceof Error ? error.message : error}`));
  process.exitCode = 1;
}
