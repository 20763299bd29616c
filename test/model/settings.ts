import { z } from 'zod';

const count = z.coerce.number().int().min(0);

/** What `npm run test:model -- …` hands to the run; without it, the short run of CI with its fixed seed. */
export const modelSettings = z
  .object({
    LATCHKEY_MODEL_RUNS: count.optional(),
    LATCHKEY_MODEL_SEED: z.coerce.number().int().default(20_261_123),
    LATCHKEY_MODEL_ONLY: z.string().optional(),
    LATCHKEY_MODEL_PATH: z.string().optional(),
    LATCHKEY_MODEL_REPLAY_PATH: z.string().optional(),
  })
  .transform((given) => ({
    /** Sequences for each repertoire; null: as many as CI has time for. */
    runs: given.LATCHKEY_MODEL_RUNS ?? null,
    seed: given.LATCHKEY_MODEL_SEED,
    only: given.LATCHKEY_MODEL_ONLY ?? null,
    path: given.LATCHKEY_MODEL_PATH ?? null,
    replayPath: given.LATCHKEY_MODEL_REPLAY_PATH ?? null,
  }))
  .parse(process.env);
