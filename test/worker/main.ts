/** Tests call createWorker themselves. */
export default { fetch: () => new Response(null, { status: 404 }) };
