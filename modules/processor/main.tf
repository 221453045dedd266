locals {
  _name   = "${var.platform.name}-processor-${var.name}"
  _region = split(":", var.platform.ecs_cluster.arn)[3]

  # Health and metrics are for the container alone: what /state tells is of customers.
  _probes = "127.0.0.1:9464"
  _home   = "/var/lib/headwater"

  # A deployment starts the new tasks beside the old, and each holds a slot.
  _slots = min(max(1, local._partitions...), var.autoscale.max_tasks * 2)

  _environment = merge(
    {
      AWS_REGION                    = local._region
      HEADWATER_BOOTSTRAP_SERVERS   = var.platform.kafka.bootstrap_servers
      HEADWATER_HTTP_ADDRESS        = local._probes
      HEADWATER_SASL_MECHANISM      = "SCRAM-SHA-512"
      HEADWATER_SASL_USERNAME       = var.name
      HEADWATER_SCHEMA_REGISTRY_URL = var.platform.registry_url
      HEADWATER_TLS_CA_PEM          = var.platform.kafka.ca_certificate
    },
    var.state == null ? {} : { HEADWATER_SLOTS = tostring(local._slots), HEADWATER_STATE_DIR = local._home },
    var.listener == null ? {} : { HEADWATER_LISTEN = "0.0.0.0:${var.listener.port}" },
    var.environment,
  )

  # A reference ends in the version of the secret, so that a turned password is a
  # new task definition. Rights are given on the secret itself.
  _secrets     = merge(var.secret_environment, { HEADWATER_SASL_PASSWORD = var.name })
  _secret_refs = { for variable, key in local._secrets : variable => var.platform.secret_arns[key] }
  _secret_arns = toset([for reference in local._secret_refs : join(":", slice(split(":", reference), 0, 7))])
}

resource "aws_cloudwatch_log_group" "this" {
  name              = "/${var.platform.name}/processors/${var.name}"
  retention_in_days = var.platform.log_days
}

resource "aws_ecs_task_definition" "this" {
  family                   = local._name
  requires_compatibilities = ["FARGATE"]
  network_mode             = "awsvpc"
  cpu                      = var.size.cpu
  memory                   = var.size.memory_mb
  execution_role_arn       = aws_iam_role.start.arn
  task_role_arn            = aws_iam_role.run.arn

  runtime_platform {
    cpu_architecture        = var.size.architecture
    operating_system_family = "LINUX"
  }

  ephemeral_storage {
    size_in_gib = var.size.disk_gb
  }

  # The two folders that the image lets its user write; the rest is read-only.
  volume {
    name = "state"
  }

  volume {
    name = "tmp"
  }

  container_definitions = jsonencode([{
    name                   = var.name
    image                  = var.image
    entryPoint             = ["/usr/local/bin/${var.name}"]
    essential              = true
    readonlyRootFilesystem = true
    environment            = [for variable, value in local._environment : { name = variable, value = value }]
    secrets                = [for variable, reference in local._secret_refs : { name = variable, valueFrom = reference }]
    portMappings           = var.listener == null ? [] : [{ containerPort = var.listener.port, hostPort = var.listener.port, protocol = "tcp" }]
    mountPoints = [
      { sourceVolume = "state", containerPath = local._home, readOnly = false },
      { sourceVolume = "tmp", containerPath = "/tmp", readOnly = false },
    ]

    # A task ends by itself within 45 s of SIGTERM, the longest of the drain times
    # in docs/environment.md. Then comes SIGKILL.
    stopTimeout = 60

    # Whether it lives. A task that restores hours of state lives, and one whose
    # partition cannot go on is not mended by a restart.
    healthCheck = {
      command     = ["CMD", "/usr/local/bin/${var.name}", "--probe"]
      interval    = 10
      retries     = 3
      startPeriod = 60
      timeout     = 5
    }

    logConfiguration = {
      logDriver = "awslogs"
      options = {
        awslogs-group         = aws_cloudwatch_log_group.this.name
        awslogs-region        = local._region
        awslogs-stream-prefix = var.name
      }
    }
  }])
}

resource "aws_ecs_service" "this" {
  name            = var.name
  cluster         = var.platform.ecs_cluster.arn
  task_definition = aws_ecs_task_definition.this.arn
  desired_count   = var.autoscale.min_tasks
  propagate_tags  = "SERVICE"

  # What it counts as enough runs on machines that stay; what the load adds may be
  # on spare ones, which go with two minutes' notice: longer than a drain.
  launch_type = var.size.spot ? null : "FARGATE"

  dynamic "capacity_provider_strategy" {
    for_each = var.size.spot ? { FARGATE = { base = var.autoscale.min_tasks, weight = 0 }, FARGATE_SPOT = { base = 0, weight = 1 } } : {}
    content {
      capacity_provider = capacity_provider_strategy.key
      base              = capacity_provider_strategy.value.base
      weight            = capacity_provider_strategy.value.weight
    }
  }

  deployment_minimum_healthy_percent = 100
  deployment_maximum_percent         = 200

  deployment_circuit_breaker {
    enable   = true
    rollback = true
  }

  network_configuration {
    subnets          = [for subnet in var.platform.network.subnets : subnet.id]
    security_groups  = [var.platform.network.security_groups[var.listener == null ? "processor" : "collector"]]
    assign_public_ip = false
  }

  dynamic "load_balancer" {
    for_each = aws_lb_target_group.this
    content {
      target_group_arn = load_balancer.value.arn
      container_name   = var.name
      container_port   = var.listener.port
    }
  }

  lifecycle {
    ignore_changes = [desired_count] # the scalable target sets it
  }

  depends_on = [
    aws_iam_role_policy.run,
    aws_iam_role_policy.start,
    aws_lb_listener_rule.events,
    headwater_acl.group,
    headwater_acl.slots,
    headwater_acl.state,
    headwater_acl.transactions,
    headwater_scram_credential.this,
  ]
}
