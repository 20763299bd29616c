/** What an answer of the bank means for us. */
export const meanings = [
  'unlocked',
  'stale_token',
  'forbidden',
  'no_such_customer',
  'bad_request',
  'refused',
  'too_fast',
  'unwell',
  'not_sent',
  'no_answer',
] as const;
export type Meaning = (typeof meanings)[number];
