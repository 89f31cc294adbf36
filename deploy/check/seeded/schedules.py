"""Scheduled commands: one mistake for each rule of rules/schedules.py, or more."""

from deploy.check.seeded.defect import REGION, Defect

COMMANDS, SCHEDULES = "ecs/schedules/commands.json", f"{REGION}/schedules.tf"

DEFECTS = [
    Defect(
        "payments are reconciled every ten hours",
        COMMANDS,
        "rate(10 minutes)",
        "rate(10 hours)",
        "often_enough",
        "reconcile_payments",
    ),
    Defect("a dump once a month", COMMANDS, "cron(0 21 * * ? *)", "cron(0 21 1 * ? *)", "often_enough", "back_up"),
    Defect(
        "a rotation on a day that there never is",
        COMMANDS,
        "cron(0 22 1 * ? *)",
        "cron(0 22 31 2 ? *)",
        "often_enough",
        "rotate_database_password",
    ),
    Defect("an hour that there is not", COMMANDS, "cron(30 21 * * ? *)", "cron(30 25 * * ? *)", "times_exist", "25"),
    Defect(
        "a drill into the site's own database",
        COMMANDS,
        '"--into", "sqlite"',
        '"--into", "documentdb://here:27017/coursebundler"',
        "commands_say_all",
        "restore_drill",
    ),
    Defect(
        "the books before India's day has ended",
        COMMANDS,
        "cron(0 20 * * ? *)",
        "cron(0 17 * * ? *)",
        "commands_say_all",
        "India",
    ),
    Defect(
        "a harmless command with the rights of migrations",
        COMMANDS,
        '"clearsessions"],\n    "role": "scheduled"',
        '"clearsessions"],\n    "role": "migrate"',
        "commands_have_their_roles",
        "clear-sessions",
    ),
    Defect(
        "scheduled commands on Spot",
        SCHEDULES,
        'capacity_provider = "FARGATE"',
        'capacity_provider = "FARGATE_SPOT"',
        "commands_run_like_workers",
        "Spot",
    ),
    Defect(
        "scheduled commands as migrations",
        SCHEDULES,
        'task_definition_arn     = aws_ecs_task_definition.all["scheduled"].arn',
        'task_definition_arn     = aws_ecs_task_definition.all["migrate"].arn',
        "commands_run_like_workers",
        "-migrate",
    ),
    Defect(
        "a start that is tried once",
        SCHEDULES,
        "maximum_retry_attempts       = 5",
        "maximum_retry_attempts       = 0",
        "tried_again",
        "once",
    ),
    Defect(
        "what could not start is forgotten after a minute",
        SCHEDULES,
        "message_retention_seconds = 1209600",
        "message_retention_seconds = 60",
        "tried_again",
        "60 s",
    ),
    Defect(
        "nobody hears that a command has failed",
        SCHEDULES,
        'lastStatus = ["STOPPED"]',
        'lastStatus = ["RUNNING"]',
        "failures_are_told",
        "nobody is told",
    ),
    Defect(
        "nobody looks at what could not be started",
        SCHEDULES,
        "{ QueueName = aws_sqs_queue.unstarted.name }",
        "{ ScheduleGroup = aws_scheduler_schedule_group.main.name }",
        "failures_are_told",
        "could not be started",
    ),
]
