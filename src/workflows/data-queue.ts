/** Activities that hold connections for long run on a queue of their own, so that they can't starve the short ones. */
export const DATA_QUEUE_SUFFIX = '-data'
