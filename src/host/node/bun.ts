/** What differs on Bun. */

/** Whether this process is Bun. */
export const isBun: boolean = "bun" in process.versions;
