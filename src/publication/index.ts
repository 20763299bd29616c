/** A checkpoint as it stands outside the database. */
export interface PublishedCheckpoint {
  readonly origin: string;
  readonly size: number;
  /** The signed note. */
  readonly note: string;
}

/** A place outside the database at which checkpoints stand, so that a database which was rewritten is found out. */
export interface Publication {
  /**
   * Puts a checkpoint there; the same one again changes nothing.
   * @throws PublicationConflictError where another one of that size stands there already
   * @throws Error where the place cannot be reached
   */
  publish(checkpoint: PublishedCheckpoint): Promise<void>;
  /** The newest note of a log that stands there; null: none, or a place that cannot be read back. */
  newest(origin: string): Promise<string | null>;
}

/** Two checkpoints of one size: the log has forked, and no place takes the second one. */
export class PublicationConflictError extends Error {
  override readonly name = 'PublicationConflictError';
}

/** Publishes to every place, one after the other; what the first one that can be read back has is the newest. */
export function publishTo(places: readonly Publication[]): Publication {
  return {
    async publish(checkpoint) {
      for (const place of places) await place.publish(checkpoint);
    },
    async newest(origin) {
      for (const place of places) {
        const note = await place.newest(origin);
        if (note !== null) return note;
      }
      return null;
    },
  };
}

/** The name of a log as a part of a path or a URL. */
export const pathOfOrigin = (origin: string): string => encodeURIComponent(origin).replace(/^\.+$/, (dots) => dots.replaceAll('.', '%2E'));
