import type { ClientInterceptors } from '@temporalio/client';
import type { InjectedSinks, WorkerInterceptors } from '@temporalio/worker';
import type { TraceSinks } from '../../workflows/traced.js';

/** How what is asked of Temporal, and what it has run, is traced; where there is none, nothing stands in the way of either. */
export interface TemporalTracing {
  readonly client: ClientInterceptors;
  readonly worker: WorkerInterceptors;
  /** Takes what the interceptors of workflows tell. */
  readonly sinks: InjectedSinks<TraceSinks>;
}
