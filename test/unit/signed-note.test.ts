import { createPrivateKey, generateKeyPairSync } from 'node:crypto';
import { describe, expect, it } from '@jest/globals';
import { openCheckpoint, signCheckpoint } from '../../src/proof/checkpoint.js';
import { leafHash } from '../../src/proof/merkle-tree.js';
import { openNote, readSigner, readVerifier, signNote, verifierKey } from '../../src/proof/signed-note.js';

// The example of golang.org/x/mod/sumdb/note, whose form C2SP took over.
const known = {
  signer: 'PRIVATE+KEY+PeterNeumann+c74f20a3+AYEKFALVFGyNhPJEMzD1QIDr+Y7hfZx09iUvxdXHKDFz',
  verifier: 'PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW',
  text: "If you think cryptography is the answer to your problem,\nthen you don't know what your problem is.\n",
  signature: '\u2014 PeterNeumann x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM=\n',
};
const pem = (): string => generateKeyPairSync('ed25519').privateKey.export({ format: 'pem', type: 'pkcs8' }).toString();
const signer = readSigner(pem(), 'log.example');
const verifier = readVerifier(verifierKey(signer));

describe('a signed note', () => {
  it('is the one that Go writes with the same key', () => {
    const peter = readSigner(known.signer, 'PeterNeumann');
    expect(verifierKey(peter)).toBe(known.verifier);
    expect(signNote(known.text, peter)).toBe(`${known.text}\n${known.signature}`);
  });

  it('that Go wrote is opened', () => {
    const opened = openNote(`${known.text}\n${known.signature}`, [readVerifier(known.verifier)]);
    expect(opened).toEqual({ text: known.text, keyIds: ['c74f20a3'] });
  });

  it('passes over signatures of others, and wants one that is trusted', () => {
    const note = signNote('a\n', signer);
    const other = signNote('a\n', readSigner(pem(), 'witness.example')).split('\n\n')[1] ?? '';
    expect(openNote(note + other, [verifier]).keyIds).toEqual([verifier.keyId]);
    expect(() => openNote(`a\n\n${other}`, [verifier])).toThrow('nobody who is trusted');
    const namesake = readVerifier(verifierKey(readSigner(pem(), 'log.example')));
    expect(() => openNote(note, [namesake])).toThrow('nobody who is trusted');
  });

  it.each([
    ['another text', (note: string) => note.replace('a\n', 'b\n'), 'is wrong'],
    ['no signature', (note: string) => note.split('\n\n')[0] ?? '', 'no signed note'],
    ['a spoilt signature line', (note: string) => note.replace('\u2014 ', '- '), 'no signed note'],
    ['a signature cut short', (note: string) => note.replace(/.{8}\n$/, '\n'), 'is wrong'],
    ['nothing', () => '', 'no signed note'],
  ])('with %s is refused', (_, spoil, why) => {
    expect(() => openNote(spoil(signNote('a\n', signer)), [verifier])).toThrow(why);
  });

  it('is signed with the same key, whichever way the key is written', () => {
    const text = pem();
    const line = createPrivateKey(text).export({ format: 'der', type: 'pkcs8' }).toString('base64');
    expect(verifierKey(readSigner(`${line}\n`, 'log.example'))).toBe(verifierKey(readSigner(text, 'log.example')));
  });

  it('takes no key that is none, or belongs to another name', () => {
    const rsa = generateKeyPairSync('rsa', { modulusLength: 2048 }).privateKey.export({ format: 'pem', type: 'pkcs8' }).toString();
    expect(() => readSigner('bm8ga2V5', 'log.example')).toThrow('must be an Ed25519 private key');
    expect(() => readSigner('no key', 'log.example')).toThrow('must be an Ed25519 private key');
    expect(() => readSigner(rsa, 'log.example')).toThrow('not an Ed25519 key');
    expect(() => readSigner(known.signer, 'log.example')).toThrow('belongs to "PeterNeumann"');
    expect(() => readSigner(pem(), 'a name')).toThrow('white space');
    expect(() => readVerifier(known.verifier.replace('c74f20a3', 'c74f20a4'))).toThrow('does not belong');
    expect(() => readVerifier('x')).toThrow('name+id+base64');
    expect(() => signNote('no line feed', signer)).toThrow('lines of plain characters');
  });
});

describe('a checkpoint', () => {
  const checkpoint = { origin: 'log.example/audit', size: 20852163, root: leafHash('x') };

  it('says after signing what it said before', () => {
    const note = signCheckpoint(checkpoint, signer);
    expect(note.split('\n').slice(0, 3)).toEqual([checkpoint.origin, '20852163', checkpoint.root.toString('base64')]);
    expect(openCheckpoint(note, [verifier])).toEqual({ ...checkpoint, keyIds: [verifier.keyId] });
  });

  it.each([
    ['a size with a leading zero', 'o\n01\n'],
    ['no size', 'o\nx\n'],
    ['a hash cut short', 'o\n1\nAAAA\n'],
    ['two lines', 'o\n1\n'],
    ['a size beyond counting', 'o\n9007199254740993\n'],
  ])('with %s is none', (_, start) => {
    const text =
      start.split('\n').length === 3 && !start.includes('AAAA') && start !== 'o\n1\n'
        ? `${start}${checkpoint.root.toString('base64')}\n`
        : start;
    expect(() => openCheckpoint(signNote(text, signer), [verifier])).toThrow('no checkpoint');
  });

  it('may carry further lines', () => {
    const note = signNote(`o\n1\n${checkpoint.root.toString('base64')}\nmore\n`, signer);
    expect(openCheckpoint(note, [verifier])).toMatchObject({ origin: 'o', size: 1 });
  });

  it('is not signed without a name, a size or a hash', () => {
    expect(() => signCheckpoint({ ...checkpoint, origin: '' }, signer)).toThrow('one line');
    expect(() => signCheckpoint({ ...checkpoint, size: -1 }, signer)).toThrow('a size');
    expect(() => signCheckpoint({ ...checkpoint, root: Buffer.alloc(3) }, signer)).toThrow('32 bytes');
  });
});
