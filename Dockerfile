# The pgmove worker. Not built in this project's own checks, which have no Docker engine.
FROM node:22.21.1-bookworm-slim AS base
WORKDIR /app
COPY package.json package-lock.json .npmrc ./

FROM base AS build
RUN npm ci --ignore-scripts
COPY tsconfig.json ./
COPY dev dev
COPY src src
RUN npm run build

FROM base AS production-modules
RUN npm ci --omit=dev --ignore-scripts

FROM base
# pg_dump refuses servers newer than itself: the newest major from PostgreSQL's own repository, which Debian's postgresql-common sets up.
RUN apt-get update \
  && apt-get install --yes --no-install-recommends ca-certificates postgresql-common \
  && /usr/share/postgresql-common/pgdg/apt.postgresql.org.sh -y \
  && apt-get install --yes --no-install-recommends postgresql-client-18 \
  && rm -rf /var/lib/apt/lists/*
COPY --from=production-modules /app/node_modules node_modules
COPY tsconfig.json ./
COPY src src
COPY --from=build /app/build build
ENV NODE_ENV=production MALLOC_ARENA_MAX=2
USER node
HEALTHCHECK --interval=30s --timeout=20s --start-period=30s --retries=3 CMD ["node", "--import", "tsx", "src/worker-health.ts"]
CMD ["node", "--max-semi-space-size=8", "src/start-worker.mjs"]
