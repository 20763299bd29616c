/** What was Temporal's history of a workflow at one moment. */
export interface HistoryDigest {
  readonly workflowId: string;
  readonly runId: string;
  readonly events: number;
  /** In hex, over the history in Temporal's JSON (`temporal workflow show --output json`), made canonical by RFC 8785. */
  readonly sha256: string;
  /** In Temporal's words: `running`, `completed`, `terminated`, … */
  readonly status: string;
}
