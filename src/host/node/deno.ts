/** What differs on Deno. */

/** Whether this process is Deno. */
export const isDeno: boolean = "deno" in process.versions;
