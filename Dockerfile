# One image for every part of Latchkey: the command says which (api, worker, codec, migrate, temporal setup).
# The last stage, `production`, is the default; `sandbox` also keeps the simulated bank and token issuer.
ARG NODE_IMAGE=node:24.21.0-bookworm-slim

FROM ${NODE_IMAGE} AS build
WORKDIR /app
COPY package.json package-lock.json .npmrc ./
RUN npm ci
COPY prisma.config.ts tsconfig.json tsconfig.build.json ./
COPY prisma prisma
COPY src src
COPY workflows workflows
COPY activities activities
RUN npm run build
# What production never loads does not come along.
RUN mkdir /production && cp -R dist /production/dist && rm -rf /production/dist/src/local /production/dist/src/sandbox

FROM ${NODE_IMAGE} AS dependencies
WORKDIR /app
COPY package.json package-lock.json .npmrc ./
# Optional ones are for bundling workflows, which the build has done. Temporal's SDK brings native parts of systems that this image is not.
RUN npm ci --omit=dev --omit=optional && rm -rf node_modules/@temporalio/core-bridge/releases/*-apple-* node_modules/@temporalio/core-bridge/releases/*-windows-*

FROM ${NODE_IMAGE} AS base
WORKDIR /app
COPY --from=dependencies /app/node_modules node_modules
COPY package.json LICENSE ./
COPY prisma/migrations prisma/migrations
COPY deploy/health-check.mjs deploy/health-check.mjs
ENV HOST=0.0.0.0
# By number, so that orchestrators can tell that it is not root.
USER 1000:1000
ENTRYPOINT ["node", "--disable-warning=ExperimentalWarning", "dist/src/cli/main.js"]

FROM base AS sandbox
ENV NODE_ENV=development
COPY --from=build /app/dist dist
EXPOSE 4010
HEALTHCHECK --interval=10s --timeout=5s --start-period=20s --retries=3 CMD ["node", "deploy/health-check.mjs", "http://127.0.0.1:4010/"]
CMD ["sandbox"]

FROM base AS production
ENV NODE_ENV=production
COPY --from=build /production/dist dist
EXPOSE 3000
# For the front door; the worker's and the codec server's address is given where they are started.
HEALTHCHECK --interval=10s --timeout=5s --start-period=20s --retries=3 CMD ["node", "deploy/health-check.mjs", "http://127.0.0.1:3000/healthz"]
CMD ["api"]
