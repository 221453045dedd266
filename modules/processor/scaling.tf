# The load decides how many tasks run. A floor that is also the ceiling fixes the
# number: the target is there all the same, since it sets what the service lets go.
locals {
  _service    = "service/${var.platform.ecs_cluster.name}/${var.name}"
  _scaled     = var.autoscale.max_tasks > var.autoscale.min_tasks ? toset([var.name]) : toset([])
  _by_law     = var.listener == null ? local._scaled : toset([])
  _by_traffic = var.listener == null ? toset([]) : local._scaled

  # What the capacity publisher puts to CloudWatch: docs/environment.md.
  _metrics    = { namespace = "Headwater", ratio = "CapacityRatio", lag = "TimeLag" }
  _dimensions = { Environment = var.platform.name, Processor = var.name }
  _alarm_to   = var.platform.alarm_topic_arn == null ? [] : [var.platform.alarm_topic_arn]

  # Scheduled actions move the floor, which is then no drift. AWS lets either the
  # file or a schedule hold it.
  _scheduled = length(var.autoscale.floors) > 0 ? local._scaled : toset([])
  _steady    = setsubtract([var.name], local._scheduled)
  _target    = one(concat([for t in aws_appautoscaling_target.steady : t.resource_id], [for t in aws_appautoscaling_target.scheduled : t.resource_id]))
}

resource "aws_appautoscaling_target" "steady" {
  for_each = local._steady

  service_namespace  = "ecs"
  resource_id        = local._service
  scalable_dimension = "ecs:service:DesiredCount"
  min_capacity       = var.autoscale.min_tasks
  max_capacity       = var.autoscale.max_tasks

  depends_on = [aws_ecs_service.this]
}

resource "aws_appautoscaling_target" "scheduled" {
  for_each = local._scheduled

  service_namespace  = "ecs"
  resource_id        = local._service
  scalable_dimension = "ecs:service:DesiredCount"
  min_capacity       = var.autoscale.min_tasks
  max_capacity       = var.autoscale.max_tasks

  lifecycle {
    ignore_changes = [min_capacity]
  }

  depends_on = [aws_ecs_service.this]
}

resource "aws_appautoscaling_scheduled_action" "floor" {
  for_each = var.autoscale.floors

  name               = "${local._name}-${each.key}"
  service_namespace  = "ecs"
  resource_id        = local._target
  scalable_dimension = "ecs:service:DesiredCount"
  schedule           = "cron(${each.value.cron})"
  timezone           = each.value.timezone

  scalable_target_action {
    min_capacity = each.value.min_tasks
  }
}

# required / current tasks in percent: at 100 the tasks are busy for the target
# share of their time. Application Auto Scaling multiplies the desired count by it.
resource "aws_appautoscaling_policy" "ratio" {
  for_each = local._by_law

  name               = "${local._name}-ratio"
  policy_type        = "TargetTrackingScaling"
  service_namespace  = "ecs"
  resource_id        = local._target
  scalable_dimension = "ecs:service:DesiredCount"

  target_tracking_scaling_policy_configuration {
    target_value       = 100
    scale_out_cooldown = 60
    scale_in_cooldown  = 300

    customized_metric_specification {
      namespace   = local._metrics.namespace
      metric_name = local._metrics.ratio
      statistic   = "Average"

      dynamic "dimensions" {
        for_each = local._dimensions
        content {
          name  = dimensions.key
          value = dimensions.value
        }
      }
    }
  }
}

# Tracking acts after three minutes. Events that have waited for a minute get half
# as many tasks more at once, those that waited for three get twice as many.
resource "aws_appautoscaling_policy" "lag" {
  for_each = local._by_law

  name               = "${local._name}-lag"
  policy_type        = "StepScaling"
  service_namespace  = "ecs"
  resource_id        = local._target
  scalable_dimension = "ecs:service:DesiredCount"

  step_scaling_policy_configuration {
    adjustment_type          = "PercentChangeInCapacity"
    min_adjustment_magnitude = 1
    metric_aggregation_type  = "Maximum"
    cooldown                 = 120

    step_adjustment {
      metric_interval_lower_bound = 0
      metric_interval_upper_bound = var.autoscale.lag_seconds * 2
      scaling_adjustment          = 50
    }

    step_adjustment {
      metric_interval_lower_bound = var.autoscale.lag_seconds * 2
      scaling_adjustment          = 100
    }
  }
}

resource "aws_cloudwatch_metric_alarm" "lag" {
  for_each = local._by_law

  alarm_name          = "${local._name}-lag"
  alarm_description   = "${var.name} is ${var.autoscale.lag_seconds} s behind: tasks are added. Where it stays, they do not help: see docs/metrics.md."
  namespace           = local._metrics.namespace
  metric_name         = local._metrics.lag
  dimensions          = local._dimensions
  statistic           = "Maximum"
  period              = 60
  evaluation_periods  = 1
  comparison_operator = "GreaterThanOrEqualToThreshold"
  threshold           = var.autoscale.lag_seconds
  treat_missing_data  = "notBreaching" # silence has an alarm of its own
  alarm_actions       = [aws_appautoscaling_policy.lag[each.key].arn]
}

# More tasks did not help: a hot key, a slow rule, the ceiling, or no task at all.
resource "aws_cloudwatch_metric_alarm" "behind" {
  for_each = local._by_law

  alarm_name          = "${local._name}-behind"
  alarm_description   = "${var.name} has been ${var.autoscale.lag_seconds} s or more behind for ten minutes. See docs/metrics.md."
  namespace           = local._metrics.namespace
  metric_name         = local._metrics.lag
  dimensions          = local._dimensions
  statistic           = "Maximum"
  period              = 60
  evaluation_periods  = 10
  comparison_operator = "GreaterThanOrEqualToThreshold"
  threshold           = var.autoscale.lag_seconds
  treat_missing_data  = "notBreaching" # silence has an alarm of its own
  alarm_actions       = local._alarm_to
  ok_actions          = local._alarm_to
}

# Without the ratio nothing scales, in either direction, and nobody would notice.
resource "aws_cloudwatch_metric_alarm" "silence" {
  for_each = local._by_law

  alarm_name          = "${local._name}-silence"
  alarm_description   = "Nobody says how many tasks ${var.name} needs: its number stands still. Look at the service capacity."
  namespace           = local._metrics.namespace
  metric_name         = local._metrics.ratio
  dimensions          = local._dimensions
  statistic           = "SampleCount"
  period              = 60
  evaluation_periods  = 5
  comparison_operator = "LessThanThreshold"
  threshold           = 1
  treat_missing_data  = "breaching"
  alarm_actions       = local._alarm_to
  ok_actions          = local._alarm_to
}

# The collector has no backlog to count: it scales on what comes in.
resource "aws_appautoscaling_policy" "cpu" {
  for_each = local._by_traffic

  name               = "${local._name}-cpu"
  policy_type        = "TargetTrackingScaling"
  service_namespace  = "ecs"
  resource_id        = local._target
  scalable_dimension = "ecs:service:DesiredCount"

  target_tracking_scaling_policy_configuration {
    target_value       = var.autoscale.target_utilization * 100
    scale_out_cooldown = 60
    scale_in_cooldown  = 300

    predefined_metric_specification {
      predefined_metric_type = "ECSServiceAverageCPUUtilization"
    }
  }
}

resource "aws_appautoscaling_policy" "requests" {
  for_each = local._by_traffic

  name               = "${local._name}-requests"
  policy_type        = "TargetTrackingScaling"
  service_namespace  = "ecs"
  resource_id        = local._target
  scalable_dimension = "ecs:service:DesiredCount"

  target_tracking_scaling_policy_configuration {
    target_value       = var.listener.requests_per_minute
    scale_out_cooldown = 60
    scale_in_cooldown  = 300

    predefined_metric_specification {
      predefined_metric_type = "ALBRequestCountPerTarget"
      resource_label         = "${aws_lb.this[each.key].arn_suffix}/${aws_lb_target_group.this[each.key].arn_suffix}"
    }
  }

  depends_on = [aws_lb_listener_rule.events]
}
